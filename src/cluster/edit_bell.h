// Hears at once of an edit that any gateway of the cluster makes.
#pragma once

#include <chrono>
#include <memory>

#include "cluster/database.h"

namespace postern::cluster {

/// A session that listens for the notification of each edit's transaction. A notification may be
/// missed: whoever waits looks at the log of edits after each wait, rung for or not. Not
/// thread-safe; it blocks.
class EditBell {
 public:
  /// `database` is borrowed.
  explicit EditBell(Database& database) : database_(database) {}

  /// Waits until an edit is committed, at most for so long. It returns at once when it has begun to
  /// listen: what was edited before was not heard.
  void wait(std::chrono::milliseconds longest);

 private:
  bool listen();

  Database& database_;
  std::unique_ptr<net::PgsqlSession> session_;
  Clock::time_point next_try_;  ///< to connect
};

}  // namespace postern::cluster
