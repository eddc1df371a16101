// Limits that several gateways keep together.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

/// Counts events by key in windows, over all gateways of a cluster. Thread-safe.
class SharedLimits {
 public:
  virtual ~SharedLimits() = default;

  /// How many events of one kind a window may have.
  struct Limit {
    std::string_view kind;                ///< of the events; a word
    std::uint64_t most = 0;               ///< in a window; 0: no limit
    std::chrono::milliseconds window{0};  ///< its length
  };
  /// Nullopt: the event is counted. Otherwise it is beyond the limit, and the seconds to wait, at
  /// least 1.
  using Answer = std::optional<std::uint64_t>;

  /// Counts one event if the limit allows it. `done` is called once: before this returns, or soon
  /// on another thread.
  virtual void take(const Limit& limit, std::string_view key, std::function<void(Answer)> done) = 0;
};

}  // namespace postern
