// The tables of the control plane of a cluster.
#pragma once

#include "cluster/schema.h"

namespace postern::store {

/// For cluster::migrate().
const cluster::Schema& pgsql_store_schema();

}  // namespace postern::store
