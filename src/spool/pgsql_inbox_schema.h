// The tables of the inboxes of a cluster, and of what is behind their links.
#pragma once

#include "cluster/schema.h"

namespace postern::spool {

/// See PgsqlInbox.
const cluster::Schema& pgsql_inbox_schema();

}  // namespace postern::spool
