// PostgreSQL by its own library, for look-ups. Blocking: for the threads of a WorkPool.
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

struct PgsqlServers {
  /// Tried in their order: "host", "host:port", "unix:/directory" with or without ":port", or a
  /// postgresql:// URI. `inet:` in front is taken off.
  std::vector<std::string> hosts;
  std::string user;  ///< empty: the library's choice
  Secret password;
  std::string dbname;
};

class PgsqlClient {
 public:
  using Clock = std::chrono::steady_clock;
  /// Makes the inside of a string literal of any octets.
  using Quote = std::function<std::string(std::string_view)>;
  using Statement = std::function<std::string(const Quote&)>;

  explicit PgsqlClient(PgsqlServers servers);
  ~PgsqlClient();
  PgsqlClient(const PgsqlClient&) = delete;
  PgsqlClient& operator=(const PgsqlClient&) = delete;

  /// Every field of every row, null ones left out; 1000 rows at most. Keeps its connections for the
  /// next call. Thread-safe. Waits until `deadline` at the longest, but for the system's resolver
  /// of host names. Fault::temporary; the sentence holds no secret.
  Result<std::vector<std::string>> select(const Statement& statement, Clock::time_point deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::net
