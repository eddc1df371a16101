#pragma once

#include "cluster/database.h"
#include "config/config.h"

namespace postern::app {

/// Where the cluster's database is. `read_files`: whether the password is read. Fault::malformed:
/// the connection string cannot be used; Fault::permanent: as password_in().
Result<cluster::DatabaseOptions> cluster_options(const ClusterConfig& config, bool read_files);

}  // namespace postern::app
