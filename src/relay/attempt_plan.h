// The order in which one attempt tries hosts and their addresses (relay rules R4, R11, R12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "relay/routing.h"

namespace postern::relay {

/// Limits of one attempt; all at least 1.
struct AttemptLimits {
  std::size_t max_hosts = 5;
  std::size_t max_addresses_per_host = 4;
  std::size_t max_addresses = 10;
  std::size_t max_sessions = 3;  ///< that passed the greeting; kept by whoever connects
};

enum class Family : std::uint8_t { v4, v6 };

struct PlannedHost {
  std::size_t group = 0;  ///< groups[group][member] is its Target
  std::size_t member = 0;
  std::vector<IpAddress> addresses;  ///< in the order to connect; never empty
};

/// A number below `bound`, each as likely as the other; `bound` is at least 1.
using Random = std::function<std::size_t(std::size_t bound)>;

/// Groups in their order, equal hosts shuffled (RFC 5321 §5.1: they MUST be); in a host the
/// families alternate from `first` on, shuffled inside a family. Where limits cut a family off
/// entirely, the last address gives way to one of it, so that a broken family does not fail the
/// attempt.
std::vector<PlannedHost> plan_attempt(const std::vector<std::vector<Target>>& groups,
                                      const AttemptLimits& limits, Family first,
                                      const Random& random);

}  // namespace postern::relay
