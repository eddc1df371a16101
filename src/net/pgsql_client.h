// A PostgreSQL client based on libpq, for lookups. Blocking: for the threads of a WorkPool.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "net/sql_client.h"

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

/// A client of PostgreSQL.
class PgsqlClient final : public SqlClient {
 public:
  /// Opens no connection yet.
  explicit PgsqlClient(PgsqlServers servers);
  ~PgsqlClient() override;

  Result<std::vector<std::string>> select(const Statement& statement,
                                          Clock::time_point deadline) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::net
