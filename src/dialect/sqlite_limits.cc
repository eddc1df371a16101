#include "dialect/sqlite_limits.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/sqlite_functions.h"

namespace postern::dialect {

namespace {

/// Pragmas that only read from a database. Others affect the whole process: heap limits, temporary
/// folders, the page cache.
constexpr std::array<std::string_view, 13> told_by_pragma = {
    "collation_list", "compile_options", "data_version",  "encoding",       "freelist_count",
    "function_list",  "integrity_check", "journal_mode",  "max_page_count", "page_count",
    "page_size",      "quick_check",     "schema_version"};
/// Pragmas that may have an argument: a name to ask for, or a setting of the connection or the
/// file.
constexpr std::array<std::string_view, 14> asked_with_argument = {
    "application_id", "busy_timeout", "foreign_key_check", "foreign_keys",  "foreign_key_list",
    "index_info",     "index_list",   "index_xinfo",       "query_only",    "table_info",
    "table_list",     "table_xinfo",  "user_version",      "database_list",
};

bool is_allowed(std::string_view pragma, bool has_argument) {
  const std::string name = lower(pragma);
  if (std::ranges::find(asked_with_argument, name) != asked_with_argument.end()) return true;
  return !has_argument && std::ranges::find(told_by_pragma, name) != told_by_pragma.end();
}

int refuse(SqliteGuard& guard, std::string why) {
  guard.refused = std::move(why);
  return SQLITE_DENY;
}

int authorize(void* user, int action, const char* first, const char* second, const char*,
              const char*) {
  SqliteGuard& guard = *static_cast<SqliteGuard*>(user);
  const std::string_view name = first != nullptr ? first : "?";
  if (action == SQLITE_ATTACH) {
    // VACUUM attaches a file without a name. ATTACH with a name could create and write a file from
    // a read-only connection; a database attached in memory would have no size limit.
    if (guard.executes && name.empty()) return SQLITE_OK;
    return refuse(guard, "ATTACH and VACUUM INTO are refused, a connection has one database");
  }
  // json_patch() searches one object for each name of the other: minutes in one step.
  if (action == SQLITE_FUNCTION && second != nullptr && lower(second) == "json_patch") {
    return refuse(guard, "json_patch() is refused");
  }
  if (action == SQLITE_PRAGMA && !is_allowed(name, second != nullptr)) {
    return refuse(guard, fmt::format("PRAGMA {}{} is refused", printable(name, 64),
                                     second != nullptr ? " with a value" : ""));
  }
  return SQLITE_OK;
}

void run_sql(sqlite3* handle, const std::string& sql) {
  if (sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error("sqlite: " + printable(sqlite3_errmsg(handle), 200));
  }
}

}  // namespace

void confine(sqlite3* handle, bool in_memory, SqliteGuard& guard) {
  run_sql(handle, fmt::format("PRAGMA temp.max_page_count = {}", most_sqlite_pages));
  if (in_memory) run_sql(handle, fmt::format("PRAGMA main.max_page_count = {}", most_sqlite_pages));
  add_sqlite_functions(handle);
  sqlite3_set_authorizer(handle, authorize, &guard);
}

}  // namespace postern::dialect
