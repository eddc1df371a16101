#pragma once

#include "store/database.h"

namespace postern::spool {

/// The schema of spool.db.
const store::Schema& spool_schema();

}  // namespace postern::spool
