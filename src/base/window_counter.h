// Counting limits by address, account or name, in memory and bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern {

/// Counts events a key in fixed windows, each of which begins with the key's first event. Memory is
/// bounded: past windows are swept as the table grows, and when `max_keys` have one, those with the
/// fewest events go first; a key costs the same however long it is. An event costs constant time, a
/// sweep included. Thread-safe.
class WindowCounter {
 public:
  using Clock = std::chrono::steady_clock;

  /// One that counts nothing until it has limits.
  WindowCounter() : WindowCounter(0, Clock::duration::zero()) {}
  /// `limit` 0 never counts as exceeded. From the event that reaches the limit on it counts as
  /// exceeded for `lockout`, or, where that is 0, until the window is over.
  WindowCounter(std::uint64_t limit, Clock::duration window,
                Clock::duration lockout = Clock::duration::zero(), std::size_t max_keys = 100'000);

  /// As the constructor takes them. What was counted stays, and is judged by these.
  void set_limits(std::uint64_t limit, Clock::duration window, Clock::duration lockout);

  bool exceeded(std::string_view key, Clock::time_point now);
  /// Counts one event; true while the limit is not exceeded by it.
  bool add(std::string_view key, Clock::time_point now);
  /// Counts one event if the limit allows it. If not, the seconds to wait, 1 at least.
  std::optional<std::uint64_t> take(std::string_view key, Clock::time_point now = Clock::now());
  /// Takes back one event: it turned out to be harmless.
  void give_back(std::string_view key);
  void forget(std::string_view key);

 private:
  struct Entry {
    Clock::time_point started;
    std::uint64_t count = 0;
  };
  bool is_over(const Entry& entry, Clock::time_point now) const;
  /// The key's entry, in a window that is not over.
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
