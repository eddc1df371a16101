#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::gateway {

/// Counts events a key in fixed windows, which begin with the first event. Memory is bounded:
/// entries of past windows are swept as the table grows, and beyond `max_keys` the fullest answer
/// is kept for the newest keys only. Thread-safe.
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
  void forget(std::string_view key);

 private:
  struct Entry {
    Clock::time_point started;
    std::uint64_t count = 0;
  };
  bool is_over(const Entry& entry, Clock::time_point now) const;
  void sweep(Clock::time_point now);

  std::uint64_t limit_;
  Clock::duration window_;
  Clock::duration lockout_;
  const std::size_t max_keys_;
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::size_t sweep_at_ = 1024;
};

}  // namespace postern::gateway
