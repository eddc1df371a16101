// One SQLite database file: opened with the house's settings, its statements prepared once, its
// errors turned into Faults. Everything above this header speaks SQL only through it.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
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

/// Stored as whole milliseconds since 1970.
using Time = std::chrono::system_clock::time_point;
std::int64_t to_millis(Time time);
Time from_millis(std::int64_t millis);
/// The current time as a database keeps it, so that what is read back equals what was written.
Time now();

/// What a database file holds and how older files become current.
struct Schema {
  std::uint32_t application_id = 0;         ///< tells our files from other SQLite files
  std::span<const char* const> migrations;  ///< [i] brings user_version i to i+1; never edited
};

/// When a commit is on stable storage: `full` when it returns, `normal` at the next checkpoint (a
/// process crash loses nothing, a power failure may lose the last commits, never the file).
enum class Sync { full, normal };

/// Whose the file is. `own`: of this process, which may make it and change its schema. `beside`: of
/// a running gateway; it is read, and neither its log nor its schema is touched.
enum class Use { own, beside };

struct DatabaseOptions {
  Sync sync = Sync::full;
  Use use = Use::own;
  unsigned page_size = 0;  ///< octets of a new file's pages, a power of two; 0: SQLite's 4096
  std::chrono::milliseconds busy_timeout{5000};
  std::uint64_t quick_check_limit = 64 << 20;  ///< larger files get a header check only, in octets
};

/// Octets that are not text.
struct Blob {
  std::string_view bytes;
};

class Database;

/// A row of a result. Valid until the next row is asked for; indexes begin at 0.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  bool boolean(int column) const { return integer(column) != 0; }
  Time time(int column) const { return from_millis(integer(column)); }
  std::string text(int column) const { return std::string(view(column)); }
  std::string_view view(int column) const;  ///< text or blob; empty for NULL
  Secret secret(int column) const { return Secret(text(column)); }
  std::optional<std::string> optional_text(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  std::optional<Time> optional_time(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A statement on loan from the database's cache, given back reset when it goes.
class Statement {
 public:
  Statement(Statement&& other) noexcept
      : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// True: a row is there. False: no more rows.
  Result<bool> next();
  Row row() const { return Row(statement_); }

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}

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
};

/// Not thread-safe: one thread at a time, the owner sees to it.
/// Faults: `temporary` disk full or locked, `permanent` damaged file or I/O error, `conflict` a
/// UNIQUE rule, `not_found` a foreign key that points nowhere, `bug` anything else.
class Database {
 public:
  /// Opens or creates the file (mode 0600), checks it and brings its schema up to date. A damaged
  /// file, another program's file and a file of a newer Postern are Fault::permanent with one line
  /// that names the file. ":memory:" works.
  /// Any number of times in one process: nothing but SQLite ever has a descriptor of a file that
  /// is open already.
  static Result<std::unique_ptr<Database>> open(const std::string& path, const Schema& schema,
                                                const DatabaseOptions& options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& path() const { return path_; }
  /// The first of its files, the database, its write-ahead log or the index of that, that has lost
  /// its name or whose name another file has: what is committed from then on is not there after a
  /// crash. "" while all is well. Safe from any thread.
  std::string lost_file() const;

  /// Starts a statement; its text is a literal and becomes the key of the statement cache.
  template <class... Values>
  Result<Statement> query(std::string_view sql, const Values&... values) {
    Result<Statement> statement = prepare(sql);
    if (!statement) return statement;
    [[maybe_unused]] int at = 0;
    (statement->bind(++at, values), ...);
    return statement;
  }

  /// Runs a statement to its end; the number of rows it changed.
  template <class... Values>
  Result<std::int64_t> execute(std::string_view sql, const Values&... values) {
    Result<Statement> statement = query(sql, values...);
    if (!statement) return tl::unexpected(statement.error());
    return finish(*statement);
  }

  /// `read(row)` for each row until it returns false; a `read` returning void sees all rows.
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

  /// All rows, each made by `read(row)`.
  template <class Read, class... Values>
  auto all(std::string_view sql, Read&& read, const Values&... values)
      -> Result<std::vector<decltype(read(std::declval<Row>()))>> {
    std::vector<decltype(read(std::declval<Row>()))> found;
    const Result<void> done =
        each(sql, [&](const Row& row) { found.push_back(read(row)); }, values...);
    if (!done) return tl::unexpected(done.error());
    return found;
  }

  /// The first row, if there is one.
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

  /// The first column of the first row as a number, 0 without rows: for COUNT(*) and pragmas.
  template <class... Values>
  Result<std::int64_t> number(std::string_view sql, const Values&... values) {
    const auto found = one(sql, [](const Row& row) { return row.integer(0); }, values...);
    if (!found) return tl::unexpected(found.error());
    return found->value_or(0);
  }

  /// Ends the statement that runs, with an error. From any thread.
  void interrupt();

  /// The first error since the open transaction began: what its commit will say.
  const std::optional<Error>& transaction_error() const { return broken_; }
  /// Transactions that came to nothing. While it stays the same, what was written is there.
  std::uint64_t rollbacks() const { return rollbacks_; }

 private:
  friend class Statement;
  friend class Transaction;
  explicit Database(std::string path) : path_(std::move(path)) {}

  Result<void> configure(const DatabaseOptions& options);
  void note_files();
  Result<void> verify(const Schema& schema, const DatabaseOptions& options);
  Result<void> migrate(const Schema& schema, Use use);
  Result<void> script(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  Result<std::int64_t> finish(Statement& statement);
  void give_back(sqlite3_stmt* statement);
  Error error(int code);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  /// A file by what it is, not by its name.
  struct FileId {
    std::string path;  ///< empty: not there when the database was opened
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
  };

  std::string path_;
  std::array<FileId, 3> files_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*, Hash, std::equal_to<>> idle_;
  bool in_transaction_ = false;
  std::uint64_t rollbacks_ = 0;
  std::optional<Error> broken_;  ///< the first error inside the open transaction
};

/// What lost_file() says of every database that this process has open, each once.
std::vector<std::string> lost_files();

/// All or nothing. Whatever is not committed is rolled back when it goes. After an error inside it
/// every further statement fails with that same error, so a transaction SQLite has already rolled
/// back by itself (disk full) can never go on in autocommit mode.
class Transaction {
 public:
  /// Begins at once as a writer, so two of them never deadlock half-way.
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  /// Fault::permanent also when all was written, but to a file that is lost: see
  /// Database::lost_file().
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  void rollback();
  Database* database_;
};

}  // namespace postern::store
