// What is wrong with the database of a cluster. Facts in, findings out.
#pragma once

#include "cluster/facts.h"
#include "doctor/finding.h"

namespace postern::doctor {

/// The primary and its standbys, the session, the role, the clocks, the tables, the gateways.
/// `allow_one_copy`: as in the configuration. At least one finding.
Findings check_cluster(const cluster::Facts& facts, bool allow_one_copy);

}  // namespace postern::doctor
