// What long jobs of gateways tell of themselves, so that any gateway can show and stop them.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/lossy_session.h"
#include "cluster/schema.h"

namespace postern::cluster {

/// The table of the jobs.
const Schema& jobs_schema();

/// A job, as its gateway told of it.
struct Job {
  std::string id;           ///< unique
  std::string state;        ///< what note() said last
  bool is_running = false;  ///< and its gateway lives
  bool is_gone = false;     ///< its gateway died before its end
};

/// One job of a kind runs at a time in the cluster. The last ones are kept. A failover may lose the
/// last second. Thread-safe; the functions block. Fault::unreachable.
class SharedJobs {
 public:
  /// `database` is borrowed; `boot` is that of this process's Node.
  SharedJobs(Database& database, std::string boot) : session_(database), boot_(std::move(boot)) {}

  /// Begins a job, unless one of its kind runs at a gateway that lives. Returns the id of the one
  /// that runs now.
  Result<std::string> begin(std::string_view kind, std::string_view id, std::string_view state);
  /// Says how far a job of this process is, and returns whether it is to stop.
  Result<bool> note(std::string_view id, std::string_view state);
  /// Its end. `result` is what result() returns.
  Result<void> end(std::string_view id, std::string_view state, std::string_view result);
  /// The last jobs of a kind, newest first.
  Result<std::vector<Job>> list(std::string_view kind);
  /// What end() said; empty: nothing yet, or there is no such job.
  Result<std::string> result(std::string_view id);
  /// Asks a job of any gateway to stop.
  Result<void> stop(std::string_view id);

 private:
  Result<net::PgsqlRows> ask(net::PgsqlStatement statement);

  std::mutex mutex_;  ///< guards `session_`
  LossySession session_;
  const std::string boot_;
};

}  // namespace postern::cluster
