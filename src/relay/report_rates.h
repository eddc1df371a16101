// Counts the reports sent to an address and to a domain within the last hour.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "relay/schedule.h"

namespace postern::relay {

/// A window of one hour that moves in steps of five minutes, so that no report is forgotten too
/// early. Memory is bounded: while `max_keys` addresses and domains are stored, others count as
/// having reached their limit. Not thread-safe.
class ReportRates {
 public:
  /// `max_keys`: number of addresses and domains together.
  explicit ReportRates(std::size_t max_keys = 65536) : max_keys_(max_keys) {}

  /// Reports of the last hour.
  struct Sent {
    std::size_t to_address = 0;  ///< to the address
    std::size_t to_domain = 0;   ///< to its domain
  };
  /// The reports sent lately. `now` never goes back (QueueClock). Addresses are compared without
  /// case.
  Sent sent(std::string_view address, Time now);
  /// Counts a report to `address`.
  void count(std::string_view address, Time now);
  /// Uncounts a report that was counted lately but not sent.
  void take_back(std::string_view address, Time now);

 private:
  static constexpr std::chrono::minutes step{5};
  static constexpr std::size_t steps = 13;  ///< an hour, and the current step

  struct Window {
    std::int64_t last = 0;  ///< the latest step counted
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
