// A session for what a failover may lose.
#pragma once

#include <memory>

#include "cluster/database.h"

namespace postern::cluster {

/// Opens a session whose commits wait for no copy, and opens it again after an error. For notes
/// that a later one replaces, not for mail. Not thread-safe; it blocks.
class LossySession {
 public:
  /// `database` is borrowed.
  explicit LossySession(Database& database) : database_(database) {}

  /// Runs a statement. Fault::unreachable; faults of Database::connect().
  Result<net::PgsqlRows> ask(net::PgsqlStatement statement);

 private:
  Database& database_;
  std::unique_ptr<net::PgsqlSession> session_;
};

}  // namespace postern::cluster
