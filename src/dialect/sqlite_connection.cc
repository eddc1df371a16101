#include "dialect/sqlite_connection.h"

#include <algorithm>
#include <stdexcept>

#include <boost/json.hpp>

#include "base/text.h"
#include "script/bind.h"

namespace postern::dialect {

using script::Clock;
using script::demand;

namespace {

/// How often the clock is read; sqlite_limits.cc limits the longest operation.
constexpr int operations_between_looks = 10;

[[noreturn]] void fail_with(sqlite3* handle, int code, const SqliteGuard& guard) {
  if (!guard.refused.empty()) throw std::runtime_error("sqlite: " + guard.refused);
  if ((code & 0xff) == SQLITE_INTERRUPT) throw std::runtime_error("sqlite: it took too long");
  throw std::runtime_error("sqlite: " + printable(sqlite3_errmsg(handle), 200));
}

int look_at_clock(void* deadline) {
  return Clock::now() >= *static_cast<Clock::time_point*>(deadline) ? 1 : 0;
}

/// Interrupts the connection's work at the deadline, during the lifetime of this object.
class Watch {
 public:
  Watch(sqlite3* handle, Clock::time_point deadline) : handle_(handle), deadline_(deadline) {
    sqlite3_progress_handler(handle_, operations_between_looks, look_at_clock, &deadline_);
  }
  ~Watch() { sqlite3_progress_handler(handle_, 0, nullptr, nullptr); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  sqlite3* handle_;
  Clock::time_point deadline_;
};

class Statement {
 public:
  Statement(sqlite3* handle, const std::string& sql, SqliteGuard& guard)
      : handle_(handle), guard_(guard) {
    guard_ = {};
    demand(sql.find('\0') == std::string::npos, "sqlite: the statement has a NUL in it");
    const char* rest = nullptr;
    statement_ = prepared(sql.data(), sql.data() + sql.size(), &rest);
    demand(statement_ != nullptr, "sqlite: there is no statement");
    // SQLite would silently ignore what follows the first statement.
    const char* end = sql.data() + sql.size();
    const std::unique_ptr<sqlite3_stmt, Finish> more = prepared(rest, end, &rest);
    demand(more == nullptr, "sqlite: one statement a call");
    guard_.executes = true;
  }

  bool only_reads() const { return sqlite3_stmt_readonly(statement_.get()) != 0; }

  void bind(const std::vector<json::value>& values) {
    if (values.size() == 1 && values[0].is_object()) return bind_names(values[0].get_object());
    if (values.size() == 1 && values[0].is_array()) return bind_places(values[0].get_array());
    bind_places(values);
  }

  json::value run(SqliteRows form) {
    const int columns = sqlite3_column_count(statement_.get());
    if (columns == 0) return changes();
    json::array rows;
    std::size_t octets = 0;
    while (step()) {
      demand(rows.size() < SqliteConnection::most_rows, "sqlite: more than 10000 rows");
      rows.push_back(form == SqliteRows::as_arrays ? cells(columns, octets)
                     : columns == 1                ? value(0, octets)
                                                   : row(columns, octets));
    }
    return rows;
  }

 private:
  struct Finish {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  std::unique_ptr<sqlite3_stmt, Finish> prepared(const char* sql, const char* end,
                                                 const char** rest) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v2(handle_, sql, static_cast<int>(end - sql), &raw, rest);
    if (code != SQLITE_OK) fail_with(handle_, code, guard_);
    return std::unique_ptr<sqlite3_stmt, Finish>(raw);
  }

  template <class Values>
  void bind_places(const Values& values) {
    const int wanted = sqlite3_bind_parameter_count(statement_.get());
    demand(static_cast<int>(values.size()) == wanted,
           "sqlite: the statement has " + std::to_string(wanted) + " parameters, " +
               std::to_string(values.size()) + " values are given");
    for (int i = 1; i <= wanted; ++i) bind(i, values[static_cast<std::size_t>(i) - 1]);
  }

  /// Binds NULL to a parameter without a value, because a Lua table cannot hold nil.
  void bind_names(const json::object& values) {
    const int wanted = sqlite3_bind_parameter_count(statement_.get());
    for (int i = 1; i <= wanted; ++i) {
      const char* name = sqlite3_bind_parameter_name(statement_.get(), i);
      demand(name != nullptr && name[0] != '?',
             "sqlite: a table of names has no value for the statement's `?`");
    }
    for (const auto& pair : values) {
      int index = 0;
      for (const char* sign : {":", "@", "$"}) {
        const std::string name = sign + std::string(pair.key());
        if (index == 0) index = sqlite3_bind_parameter_index(statement_.get(), name.c_str());
      }
      demand(index != 0, "sqlite: the statement has no parameter :" + printable(pair.key(), 64));
      bind(index, pair.value());
    }
  }

  void bind(int index, const json::value& value) {
    int code = SQLITE_OK;
    if (value.is_null()) {
      code = sqlite3_bind_null(statement_.get(), index);
    } else if (value.is_int64()) {
      code = sqlite3_bind_int64(statement_.get(), index, value.get_int64());
    } else if (value.is_double()) {
      code = sqlite3_bind_double(statement_.get(), index, value.get_double());
    } else if (value.is_string()) {
      const auto& text = value.get_string();
      code = sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(),
                                 SQLITE_TRANSIENT, SQLITE_UTF8);
    } else {
      throw std::runtime_error("sqlite: only strings, numbers and nil are values of parameters");
    }
    if (code != SQLITE_OK) fail_with(handle_, code, guard_);
  }

  bool step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) fail_with(handle_, code, guard_);
    return false;
  }

  /// Runs the statement and counts the rows it changes. sqlite3_changes() keeps its value if a
  /// statement changes no row.
  std::int64_t changes() {
    const auto before = sqlite3_total_changes64(handle_);
    while (step()) {
    }
    return sqlite3_total_changes64(handle_) == before ? 0 : sqlite3_changes64(handle_);
  }

  json::value cells(int columns, std::size_t& octets) {
    json::array values;
    for (int i = 0; i < columns; ++i) values.push_back(value(i, octets));
    return values;
  }

  json::value row(int columns, std::size_t& octets) {
    json::object values;
    for (int i = 0; i < columns; ++i) {
      values.insert_or_assign(sqlite3_column_name(statement_.get(), i), value(i, octets));
    }
    return values;
  }

  json::value value(int column, std::size_t& octets) {
    sqlite3_stmt* statement = statement_.get();
    constexpr std::size_t of_a_value = 16;
    octets += of_a_value;
    json::value value;
    const int type = sqlite3_column_type(statement, column);
    if (type == SQLITE_INTEGER) {
      value = std::int64_t{sqlite3_column_int64(statement, column)};
    } else if (type == SQLITE_FLOAT) {
      value = sqlite3_column_double(statement, column);
    } else if (type != SQLITE_NULL) {
      const void* data = sqlite3_column_blob(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      octets += size;
      value = json::string(static_cast<const char*>(data), size);
    }
    demand(octets <= SqliteConnection::most_octets, "sqlite: more than 8 MiB of result");
    return value;
  }

  sqlite3* handle_;
  SqliteGuard& guard_;
  std::unique_ptr<sqlite3_stmt, Finish> statement_;
};

}  // namespace

Task<void> SqliteConnection::take_turn(Clock::time_point deadline) {
  const bool came = co_await turns_.take(deadline);
  demand(came, "sqlite: the connection is busy with other calls");
}

void SqliteConnection::open(std::chrono::milliseconds busy) {
  demand(!closed_, "sqlite: the connection is closed");
  const auto wait = static_cast<int>(busy.count());
  if (handle_) {
    sqlite3_busy_timeout(handle_.get(), wait);  // a pragma may have set another
    return;
  }
  const int access = options_.in_memory() ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                     : options_.writable  ? SQLITE_OPEN_READWRITE
                                          : SQLITE_OPEN_READONLY;
  Result<SqliteFile> opened = open_sqlite_file(options_.path, access);
  if (!opened) {
    throw std::runtime_error("sqlite: cannot open " + printable(options_.path, 200) + ": " +
                             opened.error().message);
  }
  sqlite3_busy_timeout(opened->get(), wait);
  confine(opened->get(), options_.in_memory(), guard_);
  handle_ = std::move(*opened);
}

json::value SqliteConnection::execute(const std::string& sql,
                                      const std::vector<json::value>& values,
                                      Clock::time_point deadline, SqliteRows rows,
                                      SqliteWrites writes) {
  // A call that timed out may have left its job running.
  const std::unique_lock lock(mutex_, deadline);
  demand(lock.owns_lock(), "sqlite: the connection is busy with other calls");
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  demand(left.count() > 0, "sqlite: it took too long");
  open(std::min(left, options_.busy));
  const Watch watch(handle_.get(), deadline);
  Statement statement(handle_.get(), sql, guard_);
  const bool changes = !options_.in_memory() && !statement.only_reads();
  if (changes && writes == SqliteWrites::left_out) return nullptr;
  statement.bind(values);
  return statement.run(rows);
}

void SqliteConnection::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  handle_.reset();
}

void SqliteConnection::park() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock() && !options_.in_memory()) handle_.reset();
}

}  // namespace postern::dialect
