// Sources that query a database: SQLite, PostgreSQL and MySQL.
#include <algorithm>
#include <thread>

#include "base/sqlite_file.h"
#include "base/text.h"
#include "gateway/auth_source_verifier.h"
#include "net/mysql_client.h"
#include "net/pgsql_client.h"
#include "policy/evidence.h"

namespace postern::gateway {
namespace {

using policy::AuthAnswer;
using policy::AuthAttempt;
using policy::PlainText;
using policy::StoredPassword;
using Said = AuthAnswer::Kind;

/// The first field of the only row; nullopt: no row, or NULL.
using Field = Result<std::optional<std::string>>;

tl::unexpected<Error> database_trouble(const std::string& file, std::string_view what) {
  return fail(Fault::temporary, file + ": " + printable(what, 200));
}

/// SQLite's busy handler: waits for a lock, but not beyond the deadline `end`. A timeout of SQLite
/// would begin anew with each lock, and without the time that the query waited for a thread.
int wait_for_lock(void* end, int tries) {
  const auto left = *static_cast<const Clock::time_point*>(end) - Clock::now();
  if (left <= Clock::duration::zero()) return 0;
  const std::chrono::milliseconds pause(std::min(1 << std::min(tries, 5), 25));
  std::this_thread::sleep_for(std::min<Clock::duration>(pause, left));
  return 1;
}

/// Opens the file for each query: it may have been replaced. Blocks, on locks too, until `until` at
/// most.
Field select_sqlite(const AuthSource& source, const AuthAttempt& attempt, Clock::time_point until) {
  const Result<SqliteFile> database = open_sqlite_file(source.file, SQLITE_OPEN_READONLY);
  if (!database) return database_trouble(source.file, database.error().message);
  sqlite3* const raw = database->get();
  sqlite3_busy_handler(raw, wait_for_lock, &until);
  sqlite3_progress_handler(
      raw, 1000,
      [](void* end) { return Clock::now() >= *static_cast<Clock::time_point*>(end) ? 1 : 0; },
      &until);
  sqlite3_stmt* made = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v2(raw, source.query.c_str(), -1, &made, &rest) != SQLITE_OK)
    return database_trouble(source.file, sqlite3_errmsg(raw));
  const Owned<sqlite3_stmt, sqlite3_finalize> statement(made);
  if (made == nullptr || !trim(rest).empty() || sqlite3_column_count(made) != 1)
    return database_trouble(source.file, "the query must be one statement with one column");
  for (int i = 1; i <= sqlite3_bind_parameter_count(made); ++i) {
    const char* name = sqlite3_bind_parameter_name(made, i);
    const auto value = named_value(name != nullptr && *name == ':' ? name + 1 : "", attempt);
    if (!value)
      return database_trouble(source.file, "the query has a parameter that nothing stands for");
    sqlite3_bind_text(made, i, value->data(), static_cast<int>(value->size()), SQLITE_TRANSIENT);
  }
  std::optional<std::string> field;
  int rows = 0;
  int stepped = SQLITE_ROW;
  while ((stepped = sqlite3_step(made)) == SQLITE_ROW) {
    if (++rows > 1) return database_trouble(source.file, "the query gives several rows");
    if (sqlite3_column_type(made, 0) == SQLITE_NULL) continue;
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(made, 0));
    field = std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(made, 0)));
  }
  if (stepped != SQLITE_DONE) return database_trouble(source.file, sqlite3_errmsg(raw));
  return field;
}

Field select_remote(net::SqlClient& client, const AuthSource& source, const AuthAttempt& attempt,
                    Clock::time_point until) {
  const auto statement = [&](const net::SqlClient::Quote& quote) {
    return with_names(source.query, [&](std::string_view name) {
      const auto value = named_value(name, attempt);
      return value ? "'" + quote(*value) + "'" : ":" + std::string(name);
    });
  };
  Result<std::vector<std::string>> values = client.select(statement, until);
  if (!values) return tl::unexpected<Error>(values.error());
  if (values->size() > 1) return fail(Fault::temporary, "the query gives several values");
  if (values->empty()) return std::optional<std::string>();
  return std::optional(std::move(values->front()));
}

/// A database's error message may repeat the value that it rejected.
std::string without(const std::string& sentence, const Secret& password) {
  const bool repeats = sentence.find(password.reveal()) != std::string::npos ||
                       sentence.find(printable(password.reveal())) != std::string::npos;
  return repeats ? "the query fails with this password" : sentence;
}

class SqlVerifier final : public TableVerifier {
 public:
  SqlVerifier(const AuthSource& source, AuthWorkers workers, std::shared_ptr<net::SqlClient> server)
      : TableVerifier(source, workers), lookups_(workers.lookups), server_(std::move(server)) {}

 protected:
  Task<Field> field(AuthAttempt attempt, net::Turn turn) const {
    auto find = [source = source_, server = server_, attempt = std::move(attempt),
                 until = deadline()]() -> Field {
      return server ? select_remote(*server, source, attempt, until)
                    : select_sqlite(source, attempt, until);
    };
    Field found = co_await on_thread(lookups_, std::move(turn), std::move(find));
    co_return found;
  }

  Task<Stored> stored(std::string name, net::Turn turn) const override {
    AuthAttempt nobody{
        .mechanism = {}, .authz_id = {}, .authn_id = std::move(name), .password = {}};
    const Field found = co_await field(std::move(nobody), std::move(turn));
    if (!found) co_return tl::unexpected<Error>(found.error());
    if (!*found) co_return std::optional<StoredPassword>();
    Result<StoredPassword> parsed = StoredPassword::parse(**found, PlainText::refused);
    if (!parsed) co_return fail(Fault::temporary, "what is stored is " + parsed.error().message);
    co_return std::optional(std::move(*parsed));
  }

  /// If the database compares the password, spend() does nothing: a password goes only to the
  /// source that knows its name.
  Task<void> spend(const AuthAttempt& attempt, const policy::Evidence& evidence) const override {
    if (!has_name(source_.query, "password")) co_await TableVerifier::spend(attempt, evidence);
  }

  Task<AuthAnswer> ask(const AuthAttempt& attempt,
                       const policy::Evidence& evidence) const override {
    if (!has_name(source_.query, "password")) {
      AuthAnswer answer = co_await TableVerifier::ask(attempt, evidence);
      co_return answer;
    }
    const Field found = co_await field(attempt, turn_of(evidence));
    if (!found)
      co_return AuthAnswer{.kind = Said::unavailable,
                           .detail = without(found.error().message, attempt.password)};
    if (!*found) co_return AuthAnswer{.detail = "no row"};
    const std::string said = lower(**found);
    if (said != "t" && said != "true" && said != "1")
      co_return AuthAnswer{.kind = Said::refused, .detail = "the query does not say true"};
    AuthAnswer answer{.kind = Said::accepted};
    answer.identity.username = attempt.authn_id;
    co_return answer;
  }

 private:
  net::WorkPool& lookups_;
  std::shared_ptr<net::SqlClient> server_;  ///< null: SQLite
};

bool is_name(char c) { return is_alnum(c) || c == '_'; }

/// The end of the quoted text or comment that begins at `at`; `at` if none begins there.
std::size_t end_of_quoted(std::string_view query, std::size_t at) {
  const std::string_view rest = query.substr(at);
  const auto behind = [&](std::string_view closing, std::size_t skip) {
    const std::size_t found = query.find(closing, at + skip);
    return found == std::string_view::npos ? query.size() : found + closing.size();
  };
  if (rest.starts_with("'")) return behind("'", 1);
  if (rest.starts_with("\"")) return behind("\"", 1);
  if (rest.starts_with("`")) return behind("`", 1);
  if (rest.starts_with("--")) return behind("\n", 2);
  if (rest.starts_with("/*")) return behind("*/", 2);
  return at;
}

}  // namespace

std::optional<std::string> named_value(std::string_view name, const AuthAttempt& attempt) {
  const std::string& user = attempt.authn_id;
  const std::size_t at = user.rfind('@');
  if (name == "user") return user;
  if (name == "local") return user.substr(0, at);
  if (name == "domain") return at == std::string::npos ? std::string() : user.substr(at + 1);
  if (name == "password") return attempt.password.reveal();
  return std::nullopt;
}

std::string with_names(std::string_view query,
                       const std::function<std::string(std::string_view)>& value) {
  std::string out;
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t quoted = end_of_quoted(query, at);
    const bool cast = query.substr(at, 2) == "::";
    if (quoted > at || cast) {
      const std::size_t end = cast ? at + 2 : quoted;
      out += query.substr(at, end - at);
      at = end;
      continue;
    }
    std::size_t end = at + 1;
    while (query[at] == ':' && end < query.size() && is_name(query[end])) ++end;
    out += end > at + 1 ? value(query.substr(at + 1, end - at - 1)) : std::string(1, query[at]);
    at = end;
  }
  return out;
}

bool has_name(const std::string& query, std::string_view name) {
  bool has = false;
  with_names(query, [&](std::string_view one) {
    has |= one == name;
    return std::string();
  });
  return has;
}

std::string unknown_name(const std::string& query) {
  std::string unknown;
  with_names(query, [&](std::string_view name) {
    if (unknown.empty() && !named_value(name, {})) unknown = name;
    return std::string();
  });
  return unknown;
}

OpenedSource open_sql(const AuthSource& source, AuthWorkers workers) {
  if (source.kind == AuthSource::Kind::sqlite)
    return std::make_shared<const SqlVerifier>(source, workers, nullptr);
  Result<Secret> password = Secret();
  if (!source.password.empty()) password = secret_in(source.password);
  if (!password) return tl::unexpected<Error>(password.error());
  if (source.kind == AuthSource::Kind::mysql) {
    return std::make_shared<const SqlVerifier>(
        source, workers,
        std::make_shared<net::MysqlClient>(net::MysqlServers{
            .hosts = source.servers,
            .user = source.user,
            .password = std::move(*password),
            .dbname = source.database,
            .tls = {.required = source.start_tls, .ca_file = source.ca, .verify_name = true},
            .read_only = true}));
  }
  auto client =
      std::make_shared<net::PgsqlClient>(net::PgsqlServers{.hosts = source.servers,
                                                           .user = source.user,
                                                           .password = std::move(*password),
                                                           .dbname = source.database});
  return std::make_shared<const SqlVerifier>(source, workers, std::move(client));
}

}  // namespace postern::gateway
