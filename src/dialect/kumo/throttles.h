// Rates that scripts bound: the counters of kumo.make_throttle().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"

namespace postern::dialect::kumo {

/// A rate.
struct ThrottleSpec {
  std::uint64_t limit = 1;         ///< operations in a period, at least 1
  std::chrono::seconds period{1};  ///< at least a second
  std::uint64_t burst = 1;         ///< operations that may follow each other at once, at least 1
};
/// Parses "100/hour", "local:1,000/30min", "60/m,max_burst=1". Fault::malformed.
Result<ThrottleSpec> parse_throttle(std::string_view text);

/// Counters by name, by the generic cell rate algorithm: a name's counter is the time at which it
/// is full again. Thread-safe.
class Throttles {
 public:
  /// The clock of the counters.
  using Clock = std::chrono::steady_clock;

  /// Keeps at most `most` counters; beyond, those that are full again soonest are dropped.
  explicit Throttles(std::size_t most = 100'000) : most_(most) {}

  /// The outcome of take().
  struct Taken {
    bool throttled = false;                           ///< the operation should not go ahead
    std::uint64_t limit = 0;                          ///< ThrottleSpec::burst
    std::uint64_t remaining = 0;                      ///< operations that may follow now
    Clock::duration reset_after{0};                   ///< until the counter is full again
    std::optional<Clock::duration> retry_after = {};  ///< for a throttled one
  };
  /// Counts an operation, unless it is throttled or `count` is false. Counters of one name and
  /// different specs are independent.
  Taken take(std::string_view name, const ThrottleSpec& spec, Clock::time_point now,
             bool count = true);

  /// Counters held.
  std::size_t size();

 private:
  void make_room(Clock::time_point now);

  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, Clock::time_point> full_at_;
};

}  // namespace postern::dialect::kumo
