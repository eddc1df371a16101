// A PostgreSQL client based on libpq, for lookups. Blocking: for the threads of a WorkPool.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace postern::net {

/// Where and how to connect.
struct PgsqlServers {
  /// Tried in order: "host", "host:port", "unix:/directory" with or without ":port", or a
  /// postgresql:// URI. A prefix `inet:` is removed.
  std::vector<std::string> hosts;
  std::string user;    ///< empty: the default of libpq
  Secret password;     ///< empty: none is sent
  std::string dbname;  ///< database name
};

/// Connects on demand. Thread-safe.
class PgsqlClient {
 public:
  /// The clock of all deadlines.
  using Clock = std::chrono::steady_clock;
  /// Escapes octets for use inside a string literal.
  using Quote = std::function<std::string(std::string_view)>;
  /// Makes the SQL text with the escape function of the connection.
  using Statement = std::function<std::string(const Quote&)>;

  /// Opens no connection yet.
  explicit PgsqlClient(PgsqlServers servers);
  ~PgsqlClient();
  PgsqlClient(const PgsqlClient&) = delete;
  PgsqlClient& operator=(const PgsqlClient&) = delete;

  /// All fields of all rows, without nulls; at most 1000 rows. Keeps its connection for the next
  /// call. Waits until `deadline`, except for the system's host name resolver. Fault::temporary:
  /// any failure; the message contains no secret.
  Result<std::vector<std::string>> select(const Statement& statement, Clock::time_point deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::net
