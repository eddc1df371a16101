// The gateway as a member of a cluster: its database, its heartbeat, its spool.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "admin/running_lists.h"
#include "base/error.h"
#include "cluster/database.h"
#include "cluster/node.h"
#include "cluster/schema.h"
#include "cluster/shared_tries.h"
#include "cluster/shared_windows.h"
#include "config/config.h"
#include "spool/pgsql_spool.h"
#include "store/secret_seal.h"

namespace postern::app {

/// The members end in the reverse of their order.
struct ClusterMember {
  std::unique_ptr<cluster::Node> node;
  std::unique_ptr<cluster::SharedWindows> limits;
  std::unique_ptr<cluster::SharedTries> tries;
  std::unique_ptr<spool::PgsqlSpool> spool;
};

/// The database of the cluster. Waits up to `patience` for a primary, but not for what lasts()
/// (cluster/advice.h), nor when is_end_asked() (config/signals.h). Fault::unreachable: there was
/// none; Fault::denied: it must not be trusted; Fault::not_found: it has not the tables;
/// Fault::conflict: they are of a newer version; else as cluster_options().
Result<std::unique_ptr<cluster::Database>> reach_cluster(const Config& config,
                                                         std::chrono::milliseconds patience);
/// Joins the cluster, whose database is borrowed. Waits up to `patience` for the name.
/// Fault::temporary: another gateway that lives has it; Fault::malformed: what the data directory
/// says of the cluster; else as for reach_cluster(). When the cluster wants this process to end, it
/// sends itself SIGTERM.
Result<ClusterMember> join_cluster(const Config& config, std::chrono::milliseconds patience,
                                   cluster::Database& database);

/// The keys of `seal_key_file`; null: there is none. Fault::permanent, Fault::malformed: the file.
Result<std::shared_ptr<const store::SecretSeal>> seal_of(const ClusterConfig& config);

/// The file of cluster::Promised.
inline std::string promised_file(const std::string& data_dir) { return data_dir + "/cluster.json"; }

/// This gateway's name in its cluster.
std::string node_name(const Config& config);

/// How this gateway shares the revisions of its lists; empty without a cluster.
admin::SharedRevisions shared_revisions(const Config& config, const std::string& data_dir);

/// All tables of a cluster, in the order in which they are made.
std::vector<const cluster::Schema*> cluster_schemas();

/// Notes in the data directory that its queue is elsewhere. Fault::permanent: it cannot.
Result<void> mark_cluster(const std::string& data_dir);
/// The file of that note.
inline std::string cluster_mark(const std::string& data_dir) {
  return data_dir + "/spool/in-cluster";
}

/// Notes that the queue and the accounts of a data directory were moved to a cluster, or are being
/// moved: a gateway without `[cluster]` does not start there. `where`: goes on the sentence "the
/// queue and the accounts of DIR". Fault::permanent: it cannot.
Result<void> mark_moved(const std::string& data_dir, const std::string& where);
/// What mark_moved() said; empty: nothing.
std::string why_moved(const std::string& data_dir);
/// The file of that note.
inline std::string moved_mark(const std::string& data_dir) { return data_dir + "/moved"; }

}  // namespace postern::app
