#include "gateway/settings.h"

#include <utility>

namespace postern::gateway {

namespace {

/// How close a network is around an address; nullopt: not at all. Any is farther than each.
std::optional<int> closeness(const std::optional<Cidr>& network, const IpAddress& address) {
  if (!network) return -1;
  return network->contains(address) ? std::optional(network->prefix()) : std::nullopt;
}

}  // namespace

std::shared_ptr<const ListenerSettings> settings_for(
    const std::shared_ptr<const ListenerSettings>& settings, const IpAddress& client,
    const IpAddress& own) {
  std::shared_ptr<const ListenerSettings> chosen = settings;
  std::pair<int, int> best{-1, -1};
  for (const ListenerSettings::Variant& one : settings->variants) {
    const auto peer = closeness(one.peer, client);
    const auto via = closeness(one.via, own);
    if (!peer || !via || std::pair(*peer, *via) < best) continue;
    best = {*peer, *via};
    chosen = one.settings;
  }
  return chosen;
}

}  // namespace postern::gateway
