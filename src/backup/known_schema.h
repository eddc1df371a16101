// Whether a database of unknown origin declares what Postern's migrations make, and nothing else.
#pragma once

#include <string>

#include "base/error.h"
#include "store/database.h"

namespace postern::backup {

/// Reads what a file declares and runs nothing of it; to open it as one's own would migrate an
/// older one, and so run its triggers. No journal or log may be beside it. Fault::malformed: it is
/// no database of this kind, or its tables, indexes, triggers and views are not those that the
/// migrations of its version make. Of a newer version than this Postern's only triggers, views and
/// virtual tables are refused that this one's newest version does not have, too. Blocks.
Result<void> declares_the_known(const std::string& path, const store::Schema& schema);

}  // namespace postern::backup
