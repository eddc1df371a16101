// One text of SQL for the two engines of the control plane: SQLite and PostgreSQL. Parameters are
// `?` or `?1`; how a value is passed, and how a column is read, follows from its type.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "net/pgsql_values.h"
#include "store/database.h"

namespace postern::store {

class SqlSession;

/// A secret that SQLite keeps as an SQL BLOB.
struct SecretBlob {
  const Secret& secret;  ///< outlives the statement
};

/// One row of a result, with columns counted from 0. Valid while it is being read.
class SqlRow {
 public:
  /// A row of SQLite.
  explicit SqlRow(const Row& row) : sqlite_(&row) {}
  /// A row of PostgreSQL.
  SqlRow(const net::PgsqlRows& rows, std::size_t at, SqlSession& session)
      : rows_(&rows), at_(at), session_(&session) {}

  /// SQL NULL
  bool is_null(int column) const {
    return sqlite_ != nullptr ? sqlite_->is_null(column) : rows_->is_null(at_, column);
  }
  /// 0 for NULL
  std::int64_t integer(int column) const {
    return sqlite_ != nullptr ? sqlite_->integer(column) : rows_->integer(at_, column);
  }
  bool boolean(int column) const { return integer(column) != 0; }  ///< false for NULL and 0
  /// To the millisecond.
  Time time(int column) const;
  /// A copy; empty for NULL.
  std::string text(int column) const {
    return sqlite_ != nullptr ? sqlite_->text(column) : rows_->text(at_, column);
  }
  Secret secret(int column) const;  ///< a copy; what PostgreSQL has of it may be sealed
  std::optional<Time> optional_time(int column) const;  ///< nullopt for NULL

 private:
  const Row* sqlite_ = nullptr;
  const net::PgsqlRows* rows_ = nullptr;
  std::size_t at_ = 0;
  SqlSession* session_ = nullptr;
};

/// A session with PostgreSQL as Sql uses it; after an error inside a transaction every further
/// statement fails with the same error.
class SqlSession {
 public:
  using Values = std::vector<net::PgsqlValue>;
  virtual ~SqlSession() = default;
  /// Runs a statement to its end.
  virtual Result<net::PgsqlRows> run(std::string_view sql, Values values) = 0;
  /// Reads rows piece by piece, so that memory does not grow; `read` returns whether to go on.
  virtual Result<void> stream(std::string_view sql, Values values,
                              const std::function<bool(const SqlRow&)>& read) = 0;
  /// From now on sees one state; its change number.
  virtual Result<std::uint64_t> begin_snapshot() = 0;
  /// What the database gets and has of a secret.
  virtual std::string close(const Secret& secret) const = 0;
  /// The inverse. Empty, and opened() says so: it cannot be opened.
  virtual Secret open(std::string octets) = 0;
  /// Whether all secrets could be opened since the last call. Fault::permanent.
  virtual Result<void> opened() = 0;
};

/// How values go to PostgreSQL. Texts and octets have no type: the server takes that of the column,
/// and both formats are the octets themselves.
namespace sql {
template <std::integral T>
net::PgsqlValue value(T value) {
  return net::pgsql::integer(static_cast<std::int64_t>(value));
}
inline net::PgsqlValue value(bool value) { return net::pgsql::boolean(value); }
inline net::PgsqlValue value(Time value) { return net::pgsql::time(value); }
inline net::PgsqlValue value(std::string_view value) { return {0, std::string(value)}; }
inline net::PgsqlValue value(const std::string& text) { return value(std::string_view(text)); }
inline net::PgsqlValue value(const char* text) { return value(std::string_view(text)); }
inline net::PgsqlValue value(Blob octets) { return value(octets.bytes); }
template <class T>
net::PgsqlValue value(const std::optional<T>& optional) {
  if (optional) return value(*optional);
  return {value(T()).type, std::nullopt};
}
/// The one place where a secret enters PostgreSQL.
template <class T>
net::PgsqlValue value(const T& given, const SqlSession& session) {
  if constexpr (std::same_as<T, Secret>) {
    return value(session.close(given));
  } else if constexpr (std::same_as<T, SecretBlob>) {
    return value(session.close(given.secret));
  } else if constexpr (std::same_as<T, std::optional<Secret>>) {
    return given ? value(session.close(*given)) : net::PgsqlValue{0, std::nullopt};
  } else {
    return value(given);
  }
}
/// The same for SQLite, whose files nobody else reads.
template <class T>
const T& plain(const T& given) {
  return given;
}
inline Blob plain(const SecretBlob& given) { return Blob{given.secret.reveal()}; }
}  // namespace sql

/// The statements of one call: SQLite's connection, whose lock it holds, or a session with
/// PostgreSQL, which it gives back. Not thread-safe. Errors: the faults of Database.
class Sql {
 public:
  /// On SQLite. `database` outlives it.
  Sql(Database& database, std::mutex& mutex) : lock_(mutex), database_(&database) {}
  /// On PostgreSQL.
  explicit Sql(std::shared_ptr<SqlSession> session) : session_(std::move(session)) {}

  /// Runs a statement to its end and returns the number of rows changed.
  template <class... Values>
  Result<std::int64_t> execute(std::string_view text, const Values&... values) const {
    if (database_ != nullptr) return database_->execute(text, sql::plain(values)...);
    const auto rows = session_->run(text, {sql::value(values, *session_)...});
    if (!rows) return tl::unexpected(rows.error());
    return static_cast<std::int64_t>(rows->changed());
  }
  /// Returns `read(row)` of all rows.
  template <class Read, class... Values>
  auto all(std::string_view text, Read&& read, const Values&... values) const
      -> Result<std::vector<decltype(read(std::declval<SqlRow>()))>> {
    if (database_ != nullptr) {
      return database_->all(
          text, [&](const Row& row) { return read(SqlRow(row)); }, sql::plain(values)...);
    }
    std::vector<decltype(read(std::declval<SqlRow>()))> found;
    const auto rows = session_->run(text, {sql::value(values, *session_)...});
    if (!rows) return tl::unexpected(rows.error());
    for (std::size_t at = 0; at < rows->size(); ++at) {
      found.push_back(read(SqlRow(*rows, at, *session_)));
    }
    if (Result<void> opened = session_->opened(); !opened) return tl::unexpected(opened.error());
    return found;
  }
  /// Returns `read(row)` of the first row; nullopt without rows.
  template <class Read, class... Values>
  auto one(std::string_view text, Read&& read, const Values&... values) const
      -> Result<std::optional<decltype(read(std::declval<SqlRow>()))>> {
    if (database_ != nullptr) {
      return database_->one(
          text, [&](const Row& row) { return read(SqlRow(row)); }, sql::plain(values)...);
    }
    std::optional<decltype(read(std::declval<SqlRow>()))> found;
    const auto rows = session_->run(text, {sql::value(values, *session_)...});
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() > 0) found.emplace(read(SqlRow(*rows, 0, *session_)));
    if (Result<void> opened = session_->opened(); !opened) return tl::unexpected(opened.error());
    return found;
  }
  /// The first column of the first row as an integer, 0 without rows.
  template <class... Values>
  Result<std::int64_t> number(std::string_view text, const Values&... values) const {
    const auto found = one(text, [](const SqlRow& row) { return row.integer(0); }, values...);
    if (!found) return tl::unexpected(found.error());
    return found->value_or(0);
  }
  /// Calls `read(row)` for each row until it returns false; a `read` that returns void gets all
  /// rows. Memory does not grow with their number.
  template <class Read, class... Values>
  Result<void> each(std::string_view text, Read&& read, const Values&... values) const {
    const auto go_on = [&](const SqlRow& row) {
      if constexpr (std::is_void_v<decltype(read(row))>) {
        read(row);
        return true;
      } else {
        return static_cast<bool>(read(row));
      }
    };
    if (database_ != nullptr) {
      return database_->each(
          text, [&](const Row& row) { return go_on(SqlRow(row)); }, sql::plain(values)...);
    }
    Result<void> done = session_->stream(text, {sql::value(values, *session_)...}, go_on);
    Result<void> opened = session_->opened();
    return done ? opened : done;
  }

  /// Runs a statement that only PostgreSQL needs. SQLite has one writer: it needs no row locks.
  template <class... Values>
  void on_pgsql(std::string_view text, const Values&... values) const {
    if (session_) static_cast<void>(session_->run(text, {sql::value(values, *session_)...}));
  }
  /// Makes other writes of this account wait for the end of this transaction. Before other locks.
  void lock_account(std::string_view id) const {
    on_pgsql("SELECT 1 FROM account WHERE id = ? FOR UPDATE", id);
  }
  /// Makes others who create accounts or owner's links wait for the end of this transaction.
  void lock_accounts() const { on_pgsql("SELECT pg_advisory_xact_lock(7307)"); }
  /// The condition that an account has the address ?1, ignoring ASCII case.
  std::string_view same_email() const {
    return session_ ? "lower(email) = lower(?1)" : "email = ?1";
  }
  /// From now on reads see one state; its change number. On SQLite the lock sees to it, and there
  /// is nobody whose changes are numbered.
  Result<std::uint64_t> begin_snapshot() const {
    return session_ ? session_->begin_snapshot() : Result<std::uint64_t>(0);
  }
  /// SQLite's connection; null on PostgreSQL.
  Database* sqlite() const { return database_; }

 private:
  std::unique_lock<std::mutex> lock_;
  Database* database_ = nullptr;
  std::shared_ptr<SqlSession> session_;
};

}  // namespace postern::store
