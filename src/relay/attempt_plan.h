// The order in which a delivery attempt tries hosts and addresses (docs/relay.md, "What is
// tried").
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "relay/routing.h"

namespace postern::relay {

/// Limits of one delivery attempt; each is at least 1.
struct AttemptLimits {
  std::size_t max_hosts = 5;               ///< hosts to try
  std::size_t max_addresses_per_host = 4;  ///< addresses to try for each host
  std::size_t max_addresses = 10;          ///< addresses to try in all
  std::size_t max_sessions = 3;  ///< sessions that passed the greeting; enforced by the courier
};

/// An address family.
enum class Family : std::uint8_t { v4, v6 };

/// A host to try.
struct PlannedHost {
  std::size_t group = 0;             ///< its Target is groups[group][member]
  std::size_t member = 0;            ///< index in the group
  std::vector<IpAddress> addresses;  ///< in the order of connecting; never empty
};

/// Returns a uniformly distributed number below `bound`, which is at least 1.
using Random = std::function<std::size_t(std::size_t bound)>;

/// Plans an attempt: groups in their order, hosts of a group shuffled (RFC 5321 §5.1: a MUST). For
/// each host the families alternate, beginning with `first`; addresses of a family are shuffled. If
/// the limits exclude one family, its first address replaces the last ones, so that a broken family
/// does not fail the attempt.
std::vector<PlannedHost> plan_attempt(const std::vector<std::vector<Target>>& groups,
                                      const AttemptLimits& limits, Family first,
                                      const Random& random);
/// The same for an outcome of routing: the limits hold for the hosts of the route and for its
/// fallback hosts, each alone, so that many dead hosts do not hide the fallback.
std::vector<PlannedHost> plan_routed(const Routed& routed, const AttemptLimits& limits,
                                     Family first, const Random& random);

}  // namespace postern::relay
