// A script's connection to an SQLite database. Its calls block and must run on a thread that may
// block, one at a time; see turns().
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "base/sqlite_file.h"
#include "base/task.h"
#include "dialect/sqlite_limits.h"
#include "script/turns.h"

namespace postern::dialect {

namespace json = boost::json;

/// The form of a row. `by_name`: the value of a single column, or an object by column names.
/// `as_arrays`: always a list of values.
enum class SqliteRows { by_name, as_arrays };
/// A statement that may change a file is executed, or skipped with a null result.
enum class SqliteWrites { done, left_out };

/// How to open a database.
struct SqliteOptions {
  std::string path;                     ///< or ":memory:"
  std::chrono::milliseconds busy{500};  ///< longest wait for locks of other connections
  bool writable = false;                ///< else read-only; ":memory:" is always writable
  bool in_memory() const { return path == ":memory:"; }  ///< the database is in memory
};

/// A connection that is opened on first use.
class SqliteConnection {
 public:
  static constexpr std::size_t most_rows = 10'000;      ///< of a result
  static constexpr std::size_t most_octets = 8u << 20;  ///< of a result, in octets

  /// Opens nothing yet.
  explicit SqliteConnection(SqliteOptions options) : options_(std::move(options)) {}

  script::Turns& turns() { return turns_; }  ///< the queue of calls for this connection
  /// Waits for this call's turn. Throws a sentence if it has not come by `deadline`.
  Task<void> take_turn(script::Clock::time_point deadline);

  /// Runs one statement. Opens the file first unless it is open; the file must exist. Interrupts
  /// the work at `deadline`. Returns the number of changed rows if the statement has no columns,
  /// else a list of rows. Throws a sentence, which holds no bound values.
  json::value execute(const std::string& sql, const std::vector<json::value>& values,
                      script::Clock::time_point deadline, SqliteRows rows = SqliteRows::by_name,
                      SqliteWrites writes = SqliteWrites::done);
  /// Closes the database for good: execute() throws from then on.
  void close();
  /// Closes the file until execute() needs it again. Never waits: does nothing while a statement
  /// runs, or if the database is in memory and would be lost.
  void park();

 private:
  /// `busy`: how long the next statement waits for locks of other connections.
  void open(std::chrono::milliseconds busy);

  SqliteOptions options_;
  script::Turns turns_;
  std::timed_mutex mutex_;  ///< an abandoned call may have left its job running
  SqliteGuard guard_;
  SqliteFile handle_;
  bool closed_ = false;
};

}  // namespace postern::dialect
