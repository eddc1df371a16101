#pragma once

#include "store/database.h"

namespace postern::spool {

/// spool.db.
const store::Schema& spool_schema();

}  // namespace postern::spool
