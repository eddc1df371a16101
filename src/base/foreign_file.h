// What root must not open for writing with SQLite: a database that another user can exchange.
#pragma once

#include <string>

namespace postern {

/// For a process of root, why the database at `path` is in another user's hands: its folder, the
/// file itself, or a journal or log beside it belongs to another user, is a link, or the folder is
/// open to all. SQLite acts on a journal as it opens the database: a forged one makes it delete any
/// file by its name. Empty: nothing of that, or the process is not root's. A file that is not there
/// belongs to nobody. Reads the disk.
std::string why_not_for_root(const std::string& path);

}  // namespace postern
