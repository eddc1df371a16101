// sqlite: SQLite databases for policies.
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/text.h"
#include "dialect/kumo/library.h"
#include "dialect/sqlite_connection.h"
#include "script/blocking.h"
#include "script/state.h"

template <>
struct postern::script::ClassName<postern::dialect::SqliteConnection> {
  static constexpr std::string_view value = "Connection";
};

namespace postern::dialect::kumo {

using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;
using script::Rest;

namespace {

using AConnection = std::shared_ptr<SqliteConnection>;

constexpr std::int64_t longest_busy = 60'000;

SqliteOptions sqlite_options(const Call& call, const std::string& path,
                             std::optional<std::int64_t> busy, const std::string& mode) {
  demand(!path.empty() && path.find('\0') == std::string::npos, "sqlite: a path is expected");
  demand(mode == "ro" || mode == "rw", "sqlite: the mode is 'ro' or 'rw'");
  const std::int64_t milliseconds = busy.value_or(500);
  demand(milliseconds >= 0 && milliseconds <= longest_busy,
         "sqlite: busy_ms is a number of milliseconds, 60000 at most");
  const std::filesystem::path folder = call.state().files().directory;
  return {.path = path == ":memory:" ? path : (folder / path).string(),
          .busy = std::chrono::milliseconds(milliseconds),
          .writable = mode == "rw"};
}

/// Why the file cannot be used; null if it can, or during a replay. `path` is the path that the
/// script wrote; Files::open() resolves it in the policy's folder.
json::value trouble_with(const Call& call, const std::string& path, const SqliteOptions& options) {
  if (options.in_memory() || call.state().files().given) return nullptr;
  std::string why;
  if (access(options.path.c_str(), options.writable ? R_OK | W_OK : R_OK) != 0) {
    why = std::generic_category().message(errno);
  } else {
    // The size is not limited, because the file is not read into memory.
    const auto file = call.state().files().open(path, std::numeric_limits<std::uint64_t>::max());
    if (file) return nullptr;
    why = file.error().message;
  }
  return json::string("sqlite: cannot open " + printable(options.path, 200) + ": " + why);
}

/// The file is opened by the first statement, on a thread that may block.
AConnection open(Call& call, std::string path, std::optional<std::int64_t> busy,
                 std::optional<std::string> mode) {
  SqliteOptions options = sqlite_options(call, path, busy, mode.value_or("ro"));
  const json::value trouble = call.told_by(
      "open", [&] { return trouble_with(call, path, options); }, script::Source::facts);
  if (trouble.is_string()) throw std::runtime_error(std::string(trouble.get_string()));
  const auto connection = std::make_shared<SqliteConnection>(std::move(options));
  // A connection that a hook forgets must not keep its file open until Lua's garbage collection.
  if (call.context<void>() != nullptr) {
    call.at_end([kept = std::weak_ptr(connection)] {
      if (const auto connection = kept.lock()) connection->park();
    });
  }
  return connection;
}

Task<json::value> execute(Call& call, AConnection connection, std::string sql, Rest values) {
  co_await connection->take_turn(call.deadline());
  const script::Turn turn(connection->turns());
  const auto result = std::make_shared<json::value>();
  auto job = [connection, result, sql = std::move(sql), values = std::move(values.values),
              deadline = call.deadline(),
              writes = call.world().simulates() ? SqliteWrites::left_out : SqliteWrites::done] {
    *result = connection->execute(sql, values, deadline, SqliteRows::by_name, writes);
  };
  value_of(co_await script::blocking(call, std::move(job)));
  if (result->is_null()) call.demand_real("change a database");
  co_return std::move(*result);
}

Task<void> close_connection(Call& call, AConnection connection) {
  co_await connection->take_turn(call.deadline());
  const script::Turn turn(connection->turns());
  auto job = [connection] { connection->close(); };
  value_of(co_await script::blocking(call, std::move(job)));
}

constexpr HostFunction sqlite_rows[] = {
    {"sqlite.open", "path: string, busy_ms?: integer, mode?: 'ro'|'rw'", "Connection",
     "Opens an SQLite database: a file, relative to the policy's folder, that must exist and be "
     "outside `server.data_dir`, or `:memory:`, of at most 32 MiB. A file is read only unless the "
     "mode is 'rw'. A statement waits `busy_ms` milliseconds (500) for other writers.",
     bind<&open>},
    {"Connection:execute", "sql: string, ...: string|number|table|nil", "any[]|integer",
     "Runs one statement, with values for its `?`, one by one or as a list, or with a table for "
     "its `:name`s, in which nil is NULL. ATTACH is refused. Pragmas can only read, except for "
     "`user_version` and `foreign_keys`. Without columns the result is the number of rows that "
     "changed, with one column the list of its values, with several a list of tables by column; "
     "no row is an empty list, NULL is nil. Other sessions are served while it runs. It is "
     "stopped when the time of the call is over, and when the result exceeds 10,000 rows or 8 "
     "MiB. A string or blob has at most 1 MiB.",
     bind<&execute>},
    {"Connection:close", "", "", "Closes the connection, which cannot be used afterwards.",
     bind<&close_connection>},
};

}  // namespace

script::HostTable sqlite_functions() { return sqlite_rows; }

}  // namespace postern::dialect::kumo
