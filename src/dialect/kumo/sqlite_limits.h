// What statements of scripts may do to the process: nothing that outlives their connection, and no
// single step of work that the clock cannot break off in time.
#pragma once

#include <string>

struct sqlite3;

namespace postern::dialect::kumo {

/// Of one connection; outlives it.
struct SqliteGuard {
  bool executes = false;  ///< rather than compiles what the script wrote
  std::string refused;    ///< why the last statement was; empty: it was not
};

/// Of a database in memory, and of temporary tables.
inline constexpr int most_sqlite_pages = 8192;  ///< of 4 KiB

/// Octets of a string or blob.
inline constexpr int largest_sqlite_value = 1 << 20;

/// Before the first statement. Throws where SQLite does not take it.
void confine(sqlite3* handle, bool in_memory, SqliteGuard& guard);

}  // namespace postern::dialect::kumo
