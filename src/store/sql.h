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
  /// A copy; what PostgreSQL has of it may be sealed. Empty, and trouble() says so: it cannot be
  /// opened.
  Secret secret(int column) const;
  std::optional<Time> optional_time(int column) const;  ///< nullopt for NULL

  /// Notes why the row must not be used, unless that is noted already.
  void spoil(std::string why) const {
    if (trouble_.empty()) trouble_ = std::move(why);
  }
  /// What was noted, once: who takes it does without the row. If nobody does, the statement fails.
  std::string take_trouble() const { return std::exchange(trouble_, {}); }

 private:
  const Row* sqlite_ = nullptr;
  const net::PgsqlRows* rows_ = nullptr;
  std::size_t at_ = 0;
  SqlSession* session_ = nullptr;
  mutable std::string trouble_;
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
  /// What the database gets and has of a secret.
  virtual std::string close(const Secret& secret) const = 0;
  /// The inverse. nullopt: it is damaged, or sealed with another key.
  virtual std::optional<Secret> open(std::string octets) const = 0;
  /// A row could not be used: a transaction that is open must not be committed.
  virtual void spoil(const Error& error) = 0;
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
    std::string trouble;
    if (database_ != nullptr) {
      auto found = database_->all(
          text, [&](const Row& row) { return whole(read, SqlRow(row), trouble); },
          sql::plain(values)...);
      if (!trouble.empty()) return unusable(trouble);
      return found;
    }
    std::vector<decltype(read(std::declval<SqlRow>()))> found;
    const auto rows = session_->run(text, {sql::value(values, *session_)...});
    if (!rows) return tl::unexpected(rows.error());
    for (std::size_t at = 0; at < rows->size(); ++at) {
      found.push_back(whole(read, SqlRow(*rows, at, *session_), trouble));
    }
    if (!trouble.empty()) return unusable(trouble);
    return found;
  }
  /// Returns `read(row)` of the first row; nullopt without rows.
  template <class Read, class... Values>
  auto one(std::string_view text, Read&& read, const Values&... values) const
      -> Result<std::optional<decltype(read(std::declval<SqlRow>()))>> {
    std::string trouble;
    if (database_ != nullptr) {
      auto found = database_->one(
          text, [&](const Row& row) { return whole(read, SqlRow(row), trouble); },
          sql::plain(values)...);
      if (!trouble.empty()) return unusable(trouble);
      return found;
    }
    std::optional<decltype(read(std::declval<SqlRow>()))> found;
    const auto rows = session_->run(text, {sql::value(values, *session_)...});
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() > 0) found.emplace(whole(read, SqlRow(*rows, 0, *session_), trouble));
    if (!trouble.empty()) return unusable(trouble);
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
    std::string trouble;
    const auto go_on = [&](const SqlRow& row) {
      bool more = true;
      if constexpr (std::is_void_v<decltype(read(row))>) {
        read(row);
      } else {
        more = static_cast<bool>(read(row));
      }
      trouble = row.take_trouble();
      return more && trouble.empty();
    };
    Result<void> done =
        database_ != nullptr
            ? database_->each(
                  text, [&](const Row& row) { return go_on(SqlRow(row)); }, sql::plain(values)...)
            : session_->stream(text, {sql::value(values, *session_)...}, go_on);
    if (done && !trouble.empty()) return unusable(trouble);
    return done;
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
  /// SQLite's connection; null on PostgreSQL.
  Database* sqlite() const { return database_; }

 private:
  /// What `read` makes of a row; `trouble`: why it must not be used, if `read` did not take that.
  template <class Read>
  static auto whole(Read& read, const SqlRow& row, std::string& trouble) {
    auto made = read(row);
    if (std::string why = row.take_trouble(); !why.empty()) trouble = std::move(why);
    return made;
  }
  tl::unexpected<Error> unusable(const std::string& trouble) const {
    const Error error{Fault::permanent, trouble};
    if (session_) session_->spoil(error);
    return tl::unexpected(error);
  }

  std::unique_lock<std::mutex> lock_;
  Database* database_ = nullptr;
  std::shared_ptr<SqlSession> session_;
};

}  // namespace postern::store
