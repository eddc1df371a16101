// What is wrong with the database of a cluster. Facts in, findings out.
#pragma once

#include "cluster/facts.h"
#include "cluster/patroni.h"
#include "doctor/finding.h"

namespace postern::doctor {

/// The primary and its standbys, the session, the role, the clocks, the tables, the gateways.
/// `allow_one_copy`: as in the configuration. At least one finding.
Findings check_cluster(const cluster::Facts& facts, bool allow_one_copy);

/// Of a gateway whose `file` of cluster::Promised cannot be compared with the database. One
/// finding.
Findings check_promise(const std::string& file, const Error& error);

/// What decides over failovers; at least one finding. `with_etcd3`: it keeps its lock with the
/// protocol `etcd3`; `publish_wait`: how long a message waits for its commit.
Findings check_patroni(const cluster::Patroni& patroni, bool with_etcd3,
                       std::chrono::milliseconds publish_wait);

/// What is known of the key that seals the secrets.
struct SealFacts {
  std::string file;              ///< `seal_key_file`; empty: none
  bool others_may_read = false;  ///< others than its owner may read or write it
  std::string trouble;           ///< why it cannot be used, or is not the database's; empty: it is
};
/// One finding.
Findings check_seal(const SealFacts& facts);

/// An object in the database that gateways cannot read.
struct UnreadableRow {
  std::string id;       ///< of a policy or webhook, or the name of a DKIM key's record
  std::string account;  ///< whose it is
  std::string why;      ///< one sentence
};
/// At least one finding, and one of each row.
Findings check_rows(const std::vector<UnreadableRow>& unreadable);

}  // namespace postern::doctor
