// One SQLite database file. Database opens it with fixed settings, caches prepared statements and
// turns SQLite's errors into Faults. All other code uses SQL only through this header.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

struct sqlite3;
struct sqlite3_stmt;

namespace postern::store {

/// A point in time; databases store it as whole milliseconds since 1970-01-01 UTC.
using Time = std::chrono::system_clock::time_point;
/// Milliseconds since 1970-01-01 UTC; fractions are cut off.
std::int64_t to_millis(Time time);
/// The inverse of to_millis().
Time from_millis(std::int64_t millis);
/// The current time in whole milliseconds, so that a value read back equals the value written.
Time now();

/// What a database file contains, and how older files are brought up to date.
struct Schema {
  std::uint32_t application_id = 0;  ///< distinguishes Postern's files from other SQLite files
  std::span<const char* const> migrations;  ///< [i] migrates user_version i to i+1; never edited
  /// The oldest version of the schema whose programs may read and write a file of the newest one.
  /// 0: no older one. A change comes in two releases (docs/decisions/0069-schema-versions.md): the
  /// first only adds, and keeps this number where the release before it can go on with the file;
  /// the second removes, and sets it to the version that adds.
  std::size_t compatible_from = 0;
};

/// When a commit reaches stable storage. `full`: before commit() returns. `normal`: at the next
/// checkpoint; a process crash loses nothing, a power failure may lose the last commits but does
/// not damage the file.
enum class Sync { full, normal };

/// Who owns the file. `own`: this process, which may create it and migrate its schema. `beside`: a
/// running gateway; this process only reads, and touches neither the write-ahead log nor the
/// schema. `copy`: as `beside`, whoever owns the file; a Transaction holds other writers off, to be
/// given up without a change.
enum class Use { own, beside, copy };

/// What is told of a migration: the schema's version now, and the version that it comes to.
using ToldOfMigration = std::function<void(std::int64_t version, std::int64_t newest)>;

/// How Database::open() opens a file.
struct DatabaseOptions {
  Sync sync = Sync::full;  ///< durability of commits
  Use use = Use::own;      ///< own the file, or read it while a gateway owns it
  /// Page size of a new file in octets, a power of two; 0: SQLite's default.
  unsigned page_size = 0;
  std::chrono::milliseconds busy_timeout{5000};  ///< how long a statement waits for a lock
  std::uint64_t quick_check_limit = 64 << 20;    ///< octets; larger files skip quick_check
  /// Called where an older file is migrated, which can take minutes: before each step, and after
  /// the last with two equal numbers. Null: nobody is told.
  ToldOfMigration migrates = {};
};

/// Binds or holds octets as an SQL BLOB instead of TEXT.
struct Blob {
  std::string_view bytes;  ///< not owned; must outlive query()
};

class Database;

/// One row of a result, with columns counted from 0. Valid until the next call of
/// Statement::next(). A column of another type is converted by SQLite's rules.
class Row {
 public:
  /// Used by Statement and in tests.
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const;                                  ///< SQL NULL
  std::int64_t integer(int column) const;                          ///< 0 for NULL
  bool boolean(int column) const { return integer(column) != 0; }  ///< false for NULL and 0
  /// The column contains to_millis().
  Time time(int column) const { return from_millis(integer(column)); }
  /// A copy; empty for NULL.
  std::string text(int column) const { return std::string(view(column)); }
  /// Text or blob, valid as long as the row; empty for NULL.
  std::string_view view(int column) const;
  Secret secret(int column) const { return Secret(text(column)); }  ///< a copy as a Secret
  std::optional<std::string> optional_text(int column) const;       ///< nullopt for NULL
  std::optional<std::int64_t> optional_integer(int column) const;   ///< nullopt for NULL
  std::optional<Time> optional_time(int column) const;              ///< nullopt for NULL

 private:
  sqlite3_stmt* statement_;
};

/// A prepared statement borrowed from the database's cache. The destructor resets it and returns
/// it. Must not outlive its Database.
class Statement {
 public:
  /// Moves the borrowed statement.
  Statement(Statement&& other) noexcept
      : database_(other.database_),
        statement_(std::exchange(other.statement_, nullptr)),
        idle_(other.idle_) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Steps to the next row. True: row() is valid. False: no more rows. Faults as for Database.
  Result<bool> next();
  /// The current row; only after next() returned true.
  Row row() const { return Row(statement_); }

 private:
  friend class Database;
  /// `idle`: where the cache keeps it while nobody uses it.
  Statement(Database& database, sqlite3_stmt* statement, sqlite3_stmt*& idle)
      : database_(&database), statement_(statement), idle_(&idle) {}

  // Texts and blobs are not copied: they outlive the statement.
  template <class T>
  void bind(int at, const std::optional<T>& value) {
    value ? bind(at, *value) : bind(at, nullptr);
  }
  template <std::integral T>
  void bind(int at, T value) {
    bind_integer(at, static_cast<std::int64_t>(value));
  }
  void bind(int at, std::nullptr_t);
  void bind(int at, std::string_view value);
  void bind(int at, const std::string& value) { bind(at, std::string_view(value)); }
  void bind(int at, const char* value) { bind(at, std::string_view(value)); }
  void bind(int at, Blob value);
  void bind(int at, const Secret& value) { bind(at, std::string_view(value.reveal())); }
  void bind(int at, Time value) { bind_integer(at, to_millis(value)); }
  void bind_integer(int at, std::int64_t value);

  Database* database_;
  sqlite3_stmt* statement_;
  sqlite3_stmt** idle_;
};

/// Not thread-safe: the owner serialises all calls except those marked otherwise. Faults:
/// `disk_full`; `temporary` for a lock held too long or no memory; `permanent` for a damaged file
/// or an I/O error; `conflict` for a UNIQUE constraint; `not_found` for a foreign key without a
/// target; `bug` for anything else.
class Database {
 public:
  /// Opens or creates the file (mode 0600), checks it and migrates its schema. Fault::permanent,
  /// with a message that names the file: a damaged file, another program's file, or a file of a
  /// newer Postern that this one must not write is Fault::malformed. Fault::disk_full.
  /// Fault::temporary: Use::beside while an older gateway owns the file. ":memory:" opens a
  /// database in memory. One process may open the same file several times.
  static Result<std::unique_ptr<Database>> open(const std::string& path, const Schema& schema,
                                                const DatabaseOptions& options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// As given to open().
  const std::string& path() const { return path_; }
  /// The path of the first of the database's files (database, write-ahead log, shared memory) that
  /// was removed or replaced while open; "" if none. What is committed to a lost file does not
  /// survive a crash. Safe from any thread.
  std::string lost_file() const;

  // The text of a statement is the key of the statement cache: build it from literals, never from
  // input.

  /// Runs a statement to its end and returns the number of rows changed.
  template <class... Values>
  Result<std::int64_t> execute(std::string_view sql, const Values&... values) {
    Result<Statement> statement = query(sql, values...);
    if (!statement) return tl::unexpected(statement.error());
    return finish(*statement);
  }

  /// Calls `read(row)` for each row until it returns false; a `read` that returns void gets all
  /// rows.
  template <class Read, class... Values>
  Result<void> each(std::string_view sql, Read&& read, const Values&... values) {
    Result<Statement> statement = query(sql, values...);
    if (!statement) return tl::unexpected(statement.error());
    while (true) {
      const Result<bool> more = statement->next();
      if (!more) return tl::unexpected(more.error());
      if (!*more) return {};
      if constexpr (std::is_void_v<decltype(read(statement->row()))>) {
        read(statement->row());
      } else if (!read(statement->row())) {
        return {};
      }
    }
  }

  /// Returns `read(row)` of all rows.
  template <class Read, class... Values>
  auto all(std::string_view sql, Read&& read, const Values&... values)
      -> Result<std::vector<decltype(read(std::declval<Row>()))>> {
    std::vector<decltype(read(std::declval<Row>()))> found;
    const Result<void> done =
        each(sql, [&](const Row& row) { found.push_back(read(row)); }, values...);
    if (!done) return tl::unexpected(done.error());
    return found;
  }

  /// Returns `read(row)` of the first row; nullopt without rows.
  template <class Read, class... Values>
  auto one(std::string_view sql, Read&& read, const Values&... values)
      -> Result<std::optional<decltype(read(std::declval<Row>()))>> {
    std::optional<decltype(read(std::declval<Row>()))> found;
    const auto first = [&](const Row& row) {
      found.emplace(read(row));
      return false;
    };
    const Result<void> done = each(sql, first, values...);
    if (!done) return tl::unexpected(done.error());
    return found;
  }

  /// The first column of the first row as an integer, 0 without rows. For COUNT(*) and pragmas.
  template <class... Values>
  Result<std::int64_t> number(std::string_view sql, const Values&... values) {
    const auto found = one(sql, [](const Row& row) { return row.integer(0); }, values...);
    if (!found) return tl::unexpected(found.error());
    return found->value_or(0);
  }

  /// The number of the row that was inserted last.
  std::int64_t last_row() const;

  /// Begins a transaction that reads: until the database is closed, this object sees the state of
  /// now. The write-ahead log grows meanwhile. Fault::bug if a transaction is open.
  Result<void> begin_snapshot();
  /// Writes what this object sees into a new file (mode 0600), in one step. `path` does not exist.
  /// Blocks as long as the disk needs for it. Faults name the new file: `disk_full`, `permanent`.
  Result<void> copy_to(const std::string& path);

  /// Makes the running statement fail. Safe from any thread.
  void interrupt();

  /// The first error inside the open transaction, which commit() will return; nullopt: none.
  const std::optional<Error>& transaction_error() const { return broken_; }
  /// The number of rolled-back transactions. While it does not change, everything written before is
  /// still there.
  std::uint64_t rollbacks() const { return rollbacks_; }

 private:
  friend class Statement;
  friend class Transaction;
  explicit Database(std::string path) : path_(std::move(path)) {}

  /// Starts a statement, which goes before `values` do.
  template <class... Values>
  Result<Statement> query(std::string_view sql, const Values&... values) {
    Result<Statement> statement = prepare(sql);
    if (!statement) return statement;
    [[maybe_unused]] int at = 0;
    (statement->bind(++at, values), ...);
    return statement;
  }

  Result<void> configure(const DatabaseOptions& options);
  /// Fault::bug: a command opened the file with the rights of its owner and has given them back.
  /// SQLite looks for a journal again whenever it reads.
  Result<void> same_user() const;
  void note_files();
  Result<void> verify(const Schema& schema, const DatabaseOptions& options);
  Result<void> migrate(const Schema& schema, const DatabaseOptions& options);
  /// Who may write the file, and the Postern that made it so ("": not known).
  struct Origin {
    std::int64_t compatible_from = 0;
    std::string postern;
  };
  Result<Origin> origin(std::int64_t version);
  Result<void> note_origin(std::int64_t version, const Schema& schema);
  Result<void> script(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  Result<std::int64_t> finish(Statement& statement);
  static void give_back(sqlite3_stmt* statement, sqlite3_stmt*& idle);
  Error error(int code);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  /// Identifies a file by device and inode.
  struct FileId {
    std::string path;  ///< empty: absent when the database was opened
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };

  std::string path_;
  std::array<FileId, 3> files_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*, Hash, std::equal_to<>> idle_;
  bool in_transaction_ = false;
  std::uint64_t rollbacks_ = 0;
  std::optional<Error> broken_;     ///< the first error inside the open transaction
  std::optional<uid_t> acting_as_;  ///< whose rights root had taken on when it was opened
};

/// lost_file() of each database that this process has open, without duplicates. Safe from any
/// thread.
std::vector<std::string> lost_files();

/// A transaction. The destructor rolls back what was not committed. After an error, every further
/// statement of the transaction fails with the same error: SQLite may already have rolled back by
/// itself (disk full), and later statements must not run in autocommit mode.
class Transaction {
 public:
  /// Takes the write lock at once (BEGIN IMMEDIATE), so that two writers cannot deadlock.
  /// Fault::bug if a transaction is open, Fault::temporary if the lock is held longer than the
  /// busy_timeout.
  static Result<Transaction> begin(Database& database);
  /// The moved-from transaction does nothing.
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  /// Commits. The first error of the transaction is returned and everything is rolled back. Also
  /// Fault::permanent, with everything written, if a file is lost: see Database::lost_file().
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  void rollback();
  Database* database_;
};

}  // namespace postern::store
