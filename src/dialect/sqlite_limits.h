// Limits for the statements of scripts: they cannot affect the process beyond their connection, and
// every single step of their work is short enough for the deadline.
#pragma once

#include <string>

struct sqlite3;

namespace postern::dialect {

/// The state of confine() for one connection, which it must outlive.
struct SqliteGuard {
  bool executes = false;  ///< a statement runs, rather than being compiled
  std::string refused;    ///< why the last statement was refused; empty: it was not
};

/// The largest database in memory, and the largest temporary table space.
inline constexpr int most_sqlite_pages = 8192;  ///< of 4 KiB

/// Applies the limits to a new connection of open_sqlite_file(). Throws a sentence if SQLite
/// refuses them.
void confine(sqlite3* handle, bool in_memory, SqliteGuard& guard);

}  // namespace postern::dialect
