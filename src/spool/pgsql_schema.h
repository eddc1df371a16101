#pragma once

#include "cluster/schema.h"

namespace postern::spool {

/// The tables of PgsqlSpool. They stand beside cluster::node_schema().
const cluster::Schema& pgsql_spool_schema();

}  // namespace postern::spool
