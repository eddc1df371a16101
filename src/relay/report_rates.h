// How many reports went to an address and to a domain within the last hour.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "relay/schedule.h"

namespace postern::relay {

/// A window of an hour that moves in steps of five minutes, so that nothing is forgotten too early.
/// Memory is bounded: while `max_keys` addresses and domains are remembered, others count as if
/// their limit were reached. One thread at a time.
class ReportRates {
 public:
  explicit ReportRates(std::size_t max_keys = 65536) : max_keys_(max_keys) {}

  struct Sent {
    std::size_t to_address = 0;
    std::size_t to_domain = 0;
  };
  /// `now` never goes back (QueueClock). Case of the address does not matter.
  Sent sent(std::string_view address, Time now);
  void count(std::string_view address, Time now);
  /// One that was counted lately has not gone out after all.
  void take_back(std::string_view address, Time now);

 private:
  static constexpr std::chrono::minutes step{5};
  static constexpr std::size_t steps = 13;  ///< an hour, and the step that has begun

  struct Window {
    std::int64_t last = 0;  ///< the step that was counted last
    std::array<std::uint16_t, steps> counts{};
    std::size_t total(std::int64_t now);
    void add(std::int64_t now);
    void take_back(std::int64_t now);
  };

  std::size_t total_of(const std::string& key, std::int64_t now);
  void add_to(const std::string& key, std::int64_t now);
  void sweep(std::int64_t now);

  std::unordered_map<std::string, Window> windows_;  ///< by address, and by `@domain`
  std::size_t max_keys_;
  std::int64_t swept_ = 0;
};

}  // namespace postern::relay
