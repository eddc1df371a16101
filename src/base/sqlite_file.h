// The SQLite databases of others: tables, accounts and what scripts query. Those of the data
// directory are store::Database (docs/decisions/0042-live-data.md).
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>

#include <string>

#include "base/error.h"
#include "base/foreign_file.h"
#include "base/owned.h"

namespace postern {

/// A connection. It may be closed before its statements.
using SqliteFile = Owned<sqlite3, sqlite3_close_v2>;

/// The longest string, blob, row or statement of a connection, in octets.
inline constexpr int longest_sqlite_value = 1 << 20;

/// Opens a database whose schema is not trusted: what views and triggers of the file call cannot
/// affect the process, no statement can damage the file, and a LIKE costs little. `access`: the
/// SQLITE_OPEN_* flags of reading, writing, creating and symbolic links. Blocks on the disk. The
/// connection is for one thread at a time. Fault::not_found with SQLite's words, if the path is no
/// regular file (a FIFO would never open), or if root would write into what another user can
/// exchange; to read is safe, as SQLite then acts on no journal.
inline Result<SqliteFile> open_sqlite_file(const std::string& path, int access) {
  struct stat about{};
  if (::stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
    return fail(Fault::not_found, "it is not a regular file");
  }
  if ((access & (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) != 0) {
    const std::string why = why_not_for_root(path);
    if (!why.empty()) return fail(Fault::not_found, "root does not write there: " + why);
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &raw, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
  SqliteFile file(raw);
  if (code != SQLITE_OK) return fail(Fault::not_found, sqlite3_errstr(code));
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, longest_sqlite_value);
  // With the longest patterns and texts, one step takes about 300 ms at most.
  sqlite3_limit(raw, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 128);
  return file;
}

}  // namespace postern
