// A connection of scripts to an SQLite database. What is said here blocks and belongs on a thread
// that may; one such job at a time, which turns() sees to.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "base/task.h"
#include "dialect/kumo/sqlite_limits.h"
#include "script/turns.h"

struct sqlite3;
struct sqlite3_stmt;

namespace postern::dialect::kumo {

namespace json = boost::json;

/// What a row is: the value of a single column, of several an object by their names; or a list of
/// the values in any case.
enum class SqliteRows { by_name, as_arrays };
/// A statement that may change a file: done, or left out, with null as its result.
enum class SqliteWrites { done, left_out };

struct SqliteOptions {
  std::string path;  ///< or ":memory:"
  std::chrono::milliseconds busy{500};
  bool writable = false;
  bool in_memory() const { return path == ":memory:"; }
};

class SqliteConnection {
 public:
  static constexpr std::size_t most_rows = 10'000;
  static constexpr std::size_t most_octets = 8u << 20;  ///< of a result

  explicit SqliteConnection(SqliteOptions options) : options_(std::move(options)) {}

  script::Turns& turns() { return turns_; }
  /// Throws when the turn has not come by `deadline`.
  Task<void> take_turn(script::Clock::time_point deadline);

  /// Opens the file, which has to exist, unless it is open, and runs one statement; the work is
  /// broken off at `deadline`. Without columns the number of rows that it changed, else a list of
  /// rows. Throws a sentence without bound values.
  json::value execute(const std::string& sql, const std::vector<json::value>& values,
                      script::Clock::time_point deadline, SqliteRows rows = SqliteRows::by_name,
                      SqliteWrites writes = SqliteWrites::done);
  /// For good: execute() throws from then on.
  void close();
  /// Gives the file back until execute() needs it again. Never waits: nothing when it is in use, or
  /// when the database is in memory and would be lost.
  void park();

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };

  /// `busy`: how long the next statement waits for others who write.
  void open(std::chrono::milliseconds busy);

  SqliteOptions options_;
  script::Turns turns_;
  std::timed_mutex mutex_;  ///< a call that was given up may leave its job running
  SqliteGuard guard_;
  std::unique_ptr<sqlite3, Close> handle_;
  bool closed_ = false;
};

}  // namespace postern::dialect::kumo
