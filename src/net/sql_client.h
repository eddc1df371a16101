// What the clients of SQL servers have in common. Blocking: for the threads of a WorkPool.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::net {

/// Asks an SQL server; connects on demand. Thread-safe.
class SqlClient {
 public:
  /// The clock of all deadlines.
  using Clock = std::chrono::steady_clock;
  /// Escapes octets for use inside a string literal '...'.
  using Quote = std::function<std::string(std::string_view)>;
  /// Makes the SQL text with the escape function of the connection.
  using Statement = std::function<std::string(const Quote&)>;
  /// Rows of an answer at most.
  static constexpr int most_rows = 1000;

  SqlClient() = default;
  virtual ~SqlClient() = default;
  SqlClient(const SqlClient&) = delete;
  SqlClient& operator=(const SqlClient&) = delete;

  /// All fields of all rows, without nulls; more than most_rows are an error. Keeps its connection
  /// for the next call. Waits until `deadline`, except for the system's host name resolver.
  /// Fault::temporary: any failure; the message contains no secret.
  virtual Result<std::vector<std::string>> select(const Statement& statement,
                                                  Clock::time_point deadline) = 0;
};

/// An entry of a list of SQL servers, in its parts. Views into the text.
struct SqlHost {
  /// Splits "host", "host:port", "[::1]:port" and "unix:/path" with or without ":port". A prefix
  /// `inet:` is removed.
  explicit SqlHost(std::string_view text);
  std::string_view host;  ///< without brackets, or the path
  std::string_view port;  ///< decimal; empty: the default
  bool is_path = false;   ///< `host` is the path after "unix:"
};

/// Fault::temporary: what a client or its library says of a host.
tl::unexpected<Error> sql_trouble(const std::string& host, std::string_view what);

}  // namespace postern::net
