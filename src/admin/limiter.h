// Counting limits by address or account, in memory and bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::admin {

/// So many events a window and key. The window begins with the key's first event. Thread-safe.
class Limiter {
 public:
  using Clock = std::chrono::steady_clock;

  /// Keys beyond `max_keys` push out those whose window ends first.
  Limiter(std::uint32_t events, std::chrono::seconds window, std::size_t max_keys = 100'000)
      : events_(events), window_(window), max_keys_(max_keys) {}

  /// Counts an event. When it is one too many, the seconds to wait; the event then does not count.
  std::optional<std::uint64_t> take(const std::string& key, Clock::time_point now = Clock::now());
  /// Takes one event back: it turned out to be harmless.
  void give_back(const std::string& key);

 private:
  struct Window {
    std::uint32_t used = 0;
    Clock::time_point ends;
  };
  void make_room(Clock::time_point now);

  std::uint32_t events_;
  std::chrono::seconds window_;
  std::size_t max_keys_;
  std::mutex mutex_;
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace postern::admin
