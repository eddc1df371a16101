// What is wrong with the database of a cluster. Facts in, findings out.
#pragma once

#include "cluster/facts.h"
#include "cluster/patroni.h"
#include "doctor/finding.h"

namespace postern::doctor {

/// The primary and its standbys, the session, the role, the clocks, the tables, the gateways.
/// `allow_one_copy`: as in the configuration. At least one finding.
Findings check_cluster(const cluster::Facts& facts, bool allow_one_copy);

/// What decides over failovers; at least one finding. `with_etcd3`: it keeps its lock with the
/// protocol `etcd3`; `publish_wait`: how long a message waits for its commit.
Findings check_patroni(const cluster::Patroni& patroni, bool with_etcd3,
                       std::chrono::milliseconds publish_wait);

}  // namespace postern::doctor
