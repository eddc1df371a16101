// Rate limits by address, account or name, in bounded memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern {

/// Counts events per key in fixed windows; a window begins with the key's first event. Expired
/// windows are removed as the table grows. At `max_keys` keys, those with the fewest events are
/// removed; the memory of a key does not depend on its length. An event costs amortized constant
/// time. Thread-safe.
class WindowCounter {
 public:
  /// The clock of all `now` arguments.
  using Clock = std::chrono::steady_clock;

  /// Counts nothing until set_limits() sets a limit.
  WindowCounter() : WindowCounter(0, Clock::duration::zero()) {}
  /// `limit` events are allowed per `window`; 0: no limit. A key that reaches the limit counts as
  /// exceeded for `lockout`, or, if that is zero, until its window ends.
  WindowCounter(std::uint64_t limit, Clock::duration window,
                Clock::duration lockout = Clock::duration::zero(), std::size_t max_keys = 100'000);

  /// As in the constructor. Existing counts are kept and judged by the new limits.
  void set_limits(std::uint64_t limit, Clock::duration window, Clock::duration lockout);

  /// Whether the key has reached the limit. Counts nothing.
  bool exceeded(std::string_view key, Clock::time_point now);
  /// Counts one event; false if it is beyond the limit.
  bool add(std::string_view key, Clock::time_point now);
  /// Counts one event if the limit allows it; nullopt: it does. Otherwise the seconds to wait, at
  /// least 1.
  std::optional<std::uint64_t> take(std::string_view key, Clock::time_point now = Clock::now());
  /// Removes one event that turned out to be harmless.
  void give_back(std::string_view key);
  /// Removes all events of a key.
  void forget(std::string_view key);

 private:
  struct Entry {
    Clock::time_point started;
    std::uint64_t count = 0;
  };
  bool is_over(const Entry& entry, Clock::time_point now) const;
  /// The key's entry, reset if its window had ended.
  Entry& entry_of(std::string_view key, Clock::time_point now);
  void sweep(Clock::time_point now);

  std::uint64_t limit_;
  Clock::duration window_;
  Clock::duration lockout_;
  const std::size_t max_keys_;
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::size_t sweep_at_ = 1024;
};

}  // namespace postern
