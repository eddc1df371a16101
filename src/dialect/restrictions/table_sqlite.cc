// sqlite: a configuration file names a database and a query, as in sqlite_table(5) of Postfix. The
// database is opened to be read only; a look-up blocks, but not for long.
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include <fmt/core.h>

#include "base/text.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {
namespace {

constexpr int busy_milliseconds = 250;
constexpr int operations_a_step = 1'000;
/// Steps of operations_a_step a look-up may take: a few tenths of a second.
constexpr unsigned most_steps = 10'000;
constexpr std::size_t longest_result = 65'536;

struct CloseDatabase {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
};
struct FinishStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, CloseDatabase>;
using Prepared = std::unique_ptr<sqlite3_stmt, FinishStatement>;

struct Settings {
  std::string dbpath;
  std::string query;
  std::string result_format = "%s";
  std::uint64_t expansion_limit = 0;
  std::vector<std::string> domains;
  std::vector<std::shared_ptr<const Table>> domain_tables;
};

/// The parts of a key or a value that templates name.
struct Parts {
  explicit Parts(std::string_view whole) : whole(whole) {
    const std::size_t at = whole.rfind('@');
    user = whole.substr(0, at);
    if (at == std::string_view::npos) return;
    domain = whole.substr(at + 1);
    for (const std::string_view label : split(domain, '.')) labels.insert(labels.begin(), label);
  }
  std::string_view whole;
  std::string_view user;
  std::string_view domain;
  std::vector<std::string_view> labels;  ///< the last first
};

using Quote = std::string (*)(std::string_view);
std::string sql_quoted(std::string_view text) {
  std::string quoted;
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted;
}
std::string unquoted(std::string_view text) { return std::string(text); }

/// What a letter of a template stands for; nullopt when the part is missing, which suppresses all.
std::optional<std::string_view> part_of(const Parts& parts, char letter) {
  switch (letter) {
    case 's':
      return parts.whole.empty() ? std::nullopt : std::optional(parts.whole);
    case 'u':
      return parts.user.empty() ? std::nullopt : std::optional(parts.user);
    case 'd':
      return parts.domain.empty() ? std::nullopt : std::optional(parts.domain);
    default:
      break;
  }
  const auto label = static_cast<std::size_t>(letter - '1');
  if (label >= parts.labels.size()) return std::nullopt;
  return parts.labels[label];
}

/// `%s %u %d` speak of `lower`, `%S %U %D %1`..`%9` of the key.
std::optional<std::string> expand(std::string_view format, const Parts& lower_case,
                                  const Parts& key, Quote quote) {
  std::string made;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      made += format[at];
      continue;
    }
    const char letter = ++at < format.size() ? format[at] : '%';
    if (letter == '%') {
      made += '%';
      continue;
    }
    const bool of_key = is_digit(letter) || (letter >= 'A' && letter <= 'Z');
    const auto part = part_of(of_key ? key : lower_case, to_lower(letter));
    if (!part) return std::nullopt;
    made += quote(*part);
  }
  return made;
}

class SqliteTable final : public NamedTable {
 public:
  SqliteTable(std::string name, Settings settings, Handle handle)
      : NamedTable(std::move(name)), settings_(std::move(settings)), handle_(std::move(handle)) {}

  Found lookup(std::string_view key) const override {
    if (key.empty() || key.find('\0') != std::string_view::npos) return {};
    const std::string low = lower(key);
    const Parts parts(low);
    if (const auto other = outside(parts)) return *other;
    const auto sql = expand(settings_.query, parts, parts, sql_quoted);
    if (!sql) return {};
    const std::lock_guard guard(mutex_);
    unsigned steps = 0;
    sqlite3_progress_handler(handle_.get(), operations_a_step, one_step, &steps);
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
  static int one_step(void* steps) { return ++*static_cast<unsigned*>(steps) > most_steps ? 1 : 0; }

  Found failed() const {
    return {Found::Status::failed,
            {},
            fmt::format("{}: {}", printable(name(), 200),
                        printable(sqlite3_errmsg(handle_.get()), 200))};
  }

  /// Set when `domain` keeps the key out, or cannot be asked.
  std::optional<Found> outside(const Parts& parts) const {
    if (settings_.domains.empty() && settings_.domain_tables.empty()) return std::nullopt;
    if (parts.user.empty() || parts.domain.empty()) return Found{};
    const auto& domains = settings_.domains;
    if (std::find(domains.begin(), domains.end(), parts.domain) != domains.end()) {
      return std::nullopt;
    }
    for (const auto& table : settings_.domain_tables) {
      Found found = table->lookup(parts.domain);
      if (found.status == Found::Status::found) return std::nullopt;
      if (found.status == Found::Status::failed) return found;
    }
    return Found{};
  }

  Found run(const std::string& sql, const Parts& key) const {
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v2(handle_.get(), sql.c_str(), static_cast<int>(sql.size()), &raw, nullptr);
    const Prepared statement(raw);
    if (code != SQLITE_OK) return failed();
    Found all;
    std::uint64_t count = 0;
    for (;;) {
      const int step = sqlite3_step(statement.get());
      if (step == SQLITE_DONE) return all;
      if (step != SQLITE_ROW) return failed();
      const void* octets = sqlite3_column_blob(statement.get(), 0);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), 0));
      if (octets == nullptr || size == 0) continue;
      const std::string text(static_cast<const char*>(octets), size);
      const auto value = expand(settings_.result_format, Parts(text), key, unquoted);
      if (!value || value->empty()) continue;
      if (settings_.expansion_limit > 0 && ++count > settings_.expansion_limit) {
        return {Found::Status::failed,
                {},
                printable(name(), 200) + ": more results than expansion_limit"};
      }
      if (all.status == Found::Status::found) all.value += ',';
      all.status = Found::Status::found;
      all.value += *value;
      if (all.value.size() > longest_result) {
        return {
            Found::Status::failed, {}, printable(name(), 200) + ": a result longer than 64 KiB"};
      }
    }
  }

  Settings settings_;
  mutable std::mutex mutex_;  ///< one connection: a look-up at a time
  Handle handle_;
};

using Lines = std::map<std::string, std::string, std::less<>>;

Result<Lines> parse_lines(std::string_view path, std::string_view text) {
  static constexpr std::array known{"dbpath",          "query",       "result_format",
                                    "expansion_limit", "domain",      "select_field",
                                    "table",           "where_field", "additional_conditions"};
  Lines settings;
  for (LogicalLines lines(text); lines.next();) {
    const std::string_view line = lines.text();
    const std::size_t equals = line.find('=');
    const std::string_view name = trim_blanks(line.substr(0, equals));
    if (equals == std::string_view::npos || name.empty()) {
      return fail(Fault::malformed,
                  fmt::format("{} line {}: write name = value", path, lines.number()));
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(Fault::malformed,
                  fmt::format("{} line {}: `{}` is not a setting of sqlite tables", path,
                              lines.number(), printable(name, 64)));
    }
    settings.insert_or_assign(std::string(name), trim_blanks(line.substr(equals + 1)));
  }
  return settings;
}

/// A template ends in no lone `%` and has no letter without a meaning.
bool is_template(std::string_view format) {
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') continue;
    static constexpr std::string_view letters = "%sudSUD123456789";
    if (++at == format.size() || letters.find(format[at]) == std::string_view::npos) return false;
  }
  return true;
}

Result<void> add_domains(Settings& settings, std::string_view list, const TableSources& sources) {
  const auto words = braced_words(fmt::format("{{{}}}", list));
  if (!words) return tl::unexpected(words.error());
  for (const BracedWord& word : *words) {
    if (!is_table_spec(word.text)) {
      if (word.text.starts_with('/')) {
        return fail(Fault::malformed,
                    fmt::format("domain: `{}`: a file of domains is not carried; "
                                "use texthash:{} with `name x` lines",
                                printable(word.text, 200), printable(word.text, 200)));
      }
      settings.domains.push_back(lower(word.text));
      continue;
    }
    auto table = open_nested(word.text, sources, 1);
    if (!table) return tl::unexpected(table.error());
    settings.domain_tables.push_back(std::move(*table));
  }
  return {};
}

Result<Settings> settings_of(std::string_view path, const Lines& lines,
                             const TableSources& sources) {
  const auto value = [&](std::string_view name) {
    const auto found = lines.find(name);
    return found == lines.end() ? std::string() : found->second;
  };
  const auto wrong = [&](std::string_view what) {
    return fail(Fault::malformed, fmt::format("{}: {}", path, what));
  };
  Settings settings;
  settings.dbpath = value("dbpath");
  if (settings.dbpath.empty()) return wrong("dbpath is missing");
  settings.query = value("query");
  // What the query was made of before there was `query`.
  if (settings.query.empty() && lines.contains("table")) {
    settings.query =
        fmt::format("SELECT {} FROM {} WHERE {} = '%s' {}", value("select_field"), value("table"),
                    value("where_field"), value("additional_conditions"));
  }
  if (settings.query.empty()) return wrong("query is missing");
  if (lines.contains("result_format")) settings.result_format = value("result_format");
  if (!is_template(settings.query)) return wrong("query has a `%` without a meaning");
  if (!is_template(settings.result_format))
    return wrong("result_format has a `%` without a meaning");
  if (lines.contains("expansion_limit")) {
    const auto limit = parse_number(value("expansion_limit"));
    if (!limit) return wrong("expansion_limit is not a number");
    settings.expansion_limit = *limit;
  }
  if (const auto added = add_domains(settings, value("domain"), sources); !added) {
    return wrong(added.error().message);
  }
  return settings;
}

Result<Handle> open_database(std::string_view path, const Settings& settings) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      settings.dbpath.c_str(), &raw,
      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
  Handle handle(raw);
  if (code != SQLITE_OK) {
    return fail(Fault::not_found,
                fmt::format("{}: cannot open {}: {}", path, printable(settings.dbpath, 200),
                            sqlite3_errstr(code)));
  }
  sqlite3_busy_timeout(handle.get(), busy_milliseconds);
  sqlite3_db_config(handle.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(handle.get(), SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(handle.get(), SQLITE_LIMIT_LENGTH, 1 << 20);
  return handle;
}

/// Tries the query's grammar and names with a key that has every part.
Result<void> check_query(std::string_view path, const Settings& settings, sqlite3* handle) {
  const Parts sample("user@a.b.c.d.e.f.g.h.example");
  const auto sql = expand(settings.query, sample, sample, sql_quoted);
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(handle, sql->c_str(), -1, &raw, nullptr);
  const Prepared statement(raw);
  // Somebody writes just now: the look-ups will tell.
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

OpenedTable open_sqlite(std::string spec, std::string_view path, const TableSources& sources) {
  const auto text = sources.read(std::string(path));
  if (!text) return tl::unexpected(text.error());
  if (text->find('\0') != std::string::npos) {
    return fail(Fault::malformed, fmt::format("{}: a NUL octet", path));
  }
  const auto lines = parse_lines(path, *text);
  if (!lines) return tl::unexpected(lines.error());
  auto settings = settings_of(path, *lines, sources);
  if (!settings) return tl::unexpected(settings.error());
  auto handle = open_database(path, *settings);
  if (!handle) return tl::unexpected(handle.error());
  if (const auto checked = check_query(path, *settings, handle->get()); !checked) {
    return tl::unexpected(checked.error());
  }
  return std::make_shared<SqliteTable>(std::move(spec), std::move(*settings), std::move(*handle));
}

}  // namespace postern::dialect::restrictions
