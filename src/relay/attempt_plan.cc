#include "relay/attempt_plan.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace postern::relay {

namespace {

/// A possible connection. `host` is an index in the order of attempts.
struct Dial {
  std::size_t host = 0;
  IpAddress address;
};

template <class T>
void shuffle(std::vector<T>& items, const Random& random) {
  for (std::size_t left = items.size(); left > 1; --left)
    std::swap(items[left - 1], items[random(left)]);
}

std::vector<IpAddress> alternating(const Target& target, Family first, const Random& random) {
  std::vector<IpAddress> one = first == Family::v6 ? target.v6 : target.v4;
  std::vector<IpAddress> other = first == Family::v6 ? target.v4 : target.v6;
  shuffle(one, random);
  shuffle(other, random);
  std::vector<IpAddress> all;
  for (std::size_t i = 0; i < std::max(one.size(), other.size()); ++i) {
    if (i < one.size()) all.push_back(one[i]);
    if (i < other.size()) all.push_back(other[i]);
  }
  return all;
}

std::size_t hosts_in(const std::vector<Dial>& dials) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < dials.size(); ++i)
    if (i == 0 || dials[i].host != dials[i - 1].host) ++count;
  return count;
}

/// Replaces the last entries by `wanted`, whose address family is missing.
void make_room(std::vector<Dial>& chosen, const Dial& wanted, const AttemptLimits& limits) {
  const bool new_host = chosen.back().host < wanted.host;
  if (new_host && hosts_in(chosen) >= limits.max_hosts && hosts_in(chosen) > 1) {
    const std::size_t last = chosen.back().host;
    std::erase_if(chosen, [&](const Dial& dial) { return dial.host == last; });
  } else if (chosen.size() > 1) {
    chosen.pop_back();
  }
  const auto behind =
      std::upper_bound(chosen.begin(), chosen.end(), wanted.host,
                       [](std::size_t host, const Dial& dial) { return host < dial.host; });
  chosen.insert(behind, wanted);
}

}  // namespace

std::vector<PlannedHost> plan_attempt(const std::vector<std::vector<Target>>& groups,
                                      const AttemptLimits& limits, Family first,
                                      const Random& random) {
  std::vector<PlannedHost> hosts;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    std::vector<std::size_t> members(groups[group].size());
    std::iota(members.begin(), members.end(), std::size_t{0});
    shuffle(members, random);
    for (const std::size_t member : members)
      hosts.push_back({group, member, alternating(groups[group][member], first, random)});
  }

  std::vector<Dial> chosen;
  std::vector<Dial> cut;
  for (std::size_t host = 0; host < hosts.size(); ++host) {
    const std::vector<IpAddress>& addresses = hosts[host].addresses;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const bool fits = host < limits.max_hosts && i < limits.max_addresses_per_host &&
                        chosen.size() < limits.max_addresses;
      (fits ? chosen : cut).push_back({host, addresses[i]});
    }
  }
  if (chosen.empty()) return {};
  const bool family = chosen.front().address.is_v4();
  const auto same = [&](const Dial& dial) { return dial.address.is_v4() == family; };
  if (std::all_of(chosen.begin(), chosen.end(), same)) {
    const auto rescue = std::find_if_not(cut.begin(), cut.end(), same);
    if (rescue != cut.end()) make_room(chosen, *rescue, limits);
  }

  std::vector<PlannedHost> plan;
  std::optional<std::size_t> last;
  for (const Dial& dial : chosen) {
    if (last != dial.host) plan.push_back({hosts[dial.host].group, hosts[dial.host].member, {}});
    last = dial.host;
    plan.back().addresses.push_back(dial.address);
  }
  return plan;
}

std::vector<PlannedHost> plan_routed(const Routed& routed, const AttemptLimits& limits,
                                     Family first, const Random& random) {
  const auto middle = routed.groups.begin() + static_cast<std::ptrdiff_t>(routed.first_fallback);
  if (middle == routed.groups.end()) return plan_attempt(routed.groups, limits, first, random);
  auto plan = plan_attempt({routed.groups.begin(), middle}, limits, first, random);
  for (PlannedHost& host : plan_attempt({middle, routed.groups.end()}, limits, first, random)) {
    host.group += routed.first_fallback;
    plan.push_back(std::move(host));
  }
  return plan;
}

}  // namespace postern::relay
