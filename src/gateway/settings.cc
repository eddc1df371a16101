#include "gateway/settings.h"

#include <utility>

namespace postern::gateway {

namespace {

/// The prefix length of a network that contains the address; -1 without a network; nullopt if it
/// does not contain it.
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
