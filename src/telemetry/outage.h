// The log while the database of a cluster is away: every operation fails, and says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "telemetry/log.h"

namespace postern::telemetry {

/// Which failures of a time without the database get a line. Thread-safe.
class Outage {
 public:
  using Clock = std::chrono::steady_clock;
  /// Between two lines while it lasts.
  static constexpr std::chrono::minutes between{1};

  /// What a line says.
  struct Told {
    std::chrono::milliseconds lasts{0};  ///< since the first failure
    std::uint64_t failed = 0;            ///< operations that failed since then
  };
  /// An operation failed. Nullopt: no line is due.
  std::optional<Told> failed(Clock::time_point now);
  /// The database answers. Nullopt: it was not away.
  std::optional<Told> answers(Clock::time_point now);

 private:
  std::mutex mutex_;
  Clock::time_point began_;
  Clock::time_point said_;
  std::uint64_t failed_ = 0;  ///< since `began_`; 0: the database is not away
};

namespace log {

/// Begins the line of a failed operation: `store.error` with the error. One that failed as the
/// database of the cluster is away (Fault::unreachable) is `cluster.away`: the first one, and one a
/// minute; others begin a line that is discarded. Thread-safe.
Line store_error(const Error& error);
/// The database of the cluster has answered: logs the end of the time without it, if there was one.
/// Thread-safe.
void database_answers();

}  // namespace log
}  // namespace postern::telemetry
