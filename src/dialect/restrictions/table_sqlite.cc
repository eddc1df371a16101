// sqlite: a configuration file names a database and a query, as in sqlite_table(5) of Postfix. The
// database is opened read-only; a look-up blocks, but not for long.
#include <chrono>
#include <mutex>

#include <fmt/core.h>

#include "base/sqlite_file.h"
#include "base/text.h"
#include "dialect/restrictions/key_fold.h"
#include "dialect/restrictions/table_query.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {
namespace {

constexpr int busy_milliseconds = 250;
constexpr int operations_a_step = 1'000;
/// Steps of operations_a_step a look-up may take: a few tenths of a second.
constexpr unsigned most_steps = 10'000;
constexpr std::chrono::seconds longest_query{1};

using Prepared = Owned<sqlite3_stmt, sqlite3_finalize>;

struct SqliteSettings {
  std::string dbpath;
  std::string query;
  QueryTable common;
};

std::string sql_quoted(std::string_view text) {
  std::string quoted;
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted;
}

class SqliteTable final : public NamedTable {
 public:
  SqliteTable(std::string name, SqliteSettings settings, SqliteFile handle)
      : NamedTable(std::move(name)), settings_(std::move(settings)), handle_(std::move(handle)) {
    set_remote(settings_.common.is_remote());
  }

  Found lookup(std::string_view key) const override { return lookup_alone(key); }
  Found lookup_among(std::string_view key, policy::Replies* replies) const override {
    if (key.empty() || key.find('\0') != std::string_view::npos) return {};
    const std::string low = fold_key(key);
    const KeyParts parts(low);
    if (const auto other = settings_.common.outside(parts, replies)) return *other;
    const auto sql = expand(settings_.query, parts, parts, sql_quoted);
    if (!sql) return {};
    const std::lock_guard guard(mutex_);
    Spent spent;
    sqlite3_progress_handler(handle_.get(), operations_a_step, one_step, &spent);
    Found found = run(*sql, parts);
    sqlite3_progress_handler(handle_.get(), 0, nullptr, nullptr);
    return found;
  }
  bool is_pattern() const override { return false; }
  std::optional<std::vector<std::string>> values() const override { return std::nullopt; }
  bool is_total() const override { return false; }
  std::size_t rows() const override { return 0; }
  std::size_t memory() const override { return sizeof *this; }

 private:
  struct Spent {
    unsigned steps = 0;
    std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  };
  /// Not 0: the query takes too long and is stopped. Its operations are counted, and a view of a
  /// foreign file can make each of them slow.
  static int one_step(void* given) {
    Spent& spent = *static_cast<Spent*>(given);
    const bool late = std::chrono::steady_clock::now() - spent.begun > longest_query;
    return ++spent.steps > most_steps || late ? 1 : 0;
  }

  Found failed() const {
    return {Found::Status::failed,
            {},
            fmt::format("{}: {}", printable(name(), 200),
                        printable(sqlite3_errmsg(handle_.get()), 200))};
  }

  Found run(const std::string& sql, const KeyParts& key) const {
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v2(handle_.get(), sql.c_str(), static_cast<int>(sql.size()), &raw, nullptr);
    const Prepared statement(raw);
    if (code != SQLITE_OK) return failed();
    QueryResults results(settings_.common, name(), key);
    for (;;) {
      const int step = sqlite3_step(statement.get());
      if (step == SQLITE_DONE) return results.take();
      if (step != SQLITE_ROW) return failed();
      const void* octets = sqlite3_column_blob(statement.get(), 0);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), 0));
      if (octets == nullptr || size == 0) continue;
      if (!results.add({static_cast<const char*>(octets), size})) return results.take();
    }
  }

  SqliteSettings settings_;
  mutable std::mutex mutex_;  ///< for the connection: one look-up at a time
  SqliteFile handle_;
};

Result<SqliteSettings> settings_of(const TableConfig& config, const TableSources& sources,
                                   std::size_t depth) {
  SqliteSettings settings;
  settings.dbpath = config.text("dbpath");
  if (settings.dbpath.empty()) return config.wrong("dbpath is missing");
  settings.query = config.text("query");
  // The settings that made up the query before `query` existed.
  if (settings.query.empty() && config.has("table")) {
    settings.query = fmt::format("SELECT {} FROM {} WHERE {} = '%s' {}",
                                 config.text("select_field"), config.text("table"),
                                 config.text("where_field"), config.text("additional_conditions"));
  }
  if (settings.query.empty()) return config.wrong("query is missing");
  if (!is_template(settings.query)) return config.wrong("query has a `%` without a meaning");
  auto common = QueryTable::read(config, sources, depth);
  if (!common) return tl::unexpected(common.error());
  settings.common = std::move(*common);
  return settings;
}

Result<SqliteFile> open_database(std::string_view path, const SqliteSettings& settings,
                                 const TableSources& sources) {
  const auto refused = [&](Fault fault, std::string_view why) {
    const std::string where =
        sources.quotes ? fmt::format("cannot open {}: {}", printable(settings.dbpath, 200), why)
                       : "the database of `dbpath` cannot be opened, or may not be";
    return fail(fault, fmt::format("{}: {}", path, where));
  };
  const auto file =
      sources.find ? sources.find(settings.dbpath) : HostFile::open(settings.dbpath, FileRules{});
  if (!file) return refused(file.error().fault, file.error().message);
  Result<SqliteFile> opened =
      open_sqlite_file(file->real_path(), SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW);
  if (!opened) return refused(opened.error().fault, opened.error().message);
  // SQLite opens by name: it has opened the file that was checked if the name still leads to it.
  if (!file->is_in_place()) return refused(Fault::temporary, "it was replaced just now");
  sqlite3_busy_timeout(opened->get(), busy_milliseconds);
  sqlite3_limit(opened->get(), SQLITE_LIMIT_ATTACHED, 0);
  return opened;
}

/// Checks the syntax and the names of the query with a key that has every part.
Result<void> check_query(std::string_view path, const SqliteSettings& settings, sqlite3* handle) {
  const KeyParts sample("user@a.b.c.d.e.f.g.h.example");
  const auto sql = expand(settings.query, sample, sample, sql_quoted);
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(handle, sql->c_str(), -1, &raw, nullptr);
  const Prepared statement(raw);
  // Another process is writing: the look-ups will show errors.
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) return {};
  if (code != SQLITE_OK) {
    return fail(Fault::malformed,
                fmt::format("{}: query: {}", path, printable(sqlite3_errmsg(handle), 200)));
  }
  if (raw == nullptr || sqlite3_stmt_readonly(raw) == 0 || sqlite3_column_count(raw) == 0) {
    return fail(Fault::malformed, fmt::format("{}: query: it must select something", path));
  }
  return {};
}

}  // namespace

OpenedTable open_sqlite(std::string spec, std::string_view path, const TableSources& sources,
                        std::size_t depth) {
  static constexpr std::string_view known[] = {
      "dbpath",       "query", "result_format", "expansion_limit",      "domain",
      "select_field", "table", "where_field",   "additional_conditions"};
  const auto text = sources.read(std::string(path));
  if (!text) return tl::unexpected(text.error());
  const auto config = TableConfig::parse("sqlite", path, *text, known);
  if (!config) return tl::unexpected(config.error());
  auto settings = settings_of(*config, sources, depth);
  if (!settings) return tl::unexpected(settings.error());
  auto handle = open_database(path, *settings, sources);
  if (!handle) return tl::unexpected(handle.error());
  if (const auto checked = check_query(path, *settings, handle->get()); !checked) {
    return tl::unexpected(checked.error());
  }
  return std::make_shared<SqliteTable>(std::move(spec), std::move(*settings), std::move(*handle));
}

}  // namespace postern::dialect::restrictions
