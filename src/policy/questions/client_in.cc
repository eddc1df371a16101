#include "policy/questions/client_in.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace postern::policy::questions {

ClientIn client_in(const IpAddress& client, const CidrSet& networks) {
  const std::vector<Cidr>& sorted = networks.networks();
  const Cidr* within = nullptr;
  if (client.is_known()) {
    const Cidr alone(client, client.bits());
    const auto after = std::ranges::upper_bound(sorted, alone.network(), {}, &Cidr::network);
    if (after != sorted.begin() && std::prev(after)->contains(client)) within = &*std::prev(after);
  }
  return {within != nullptr, client, sorted, within};
}

ClientIn client_in(const IpAddress& client, std::span<const Cidr> networks) {
  const auto found = std::ranges::find_if(
      networks, [&](const Cidr& network) { return client.is_known() && network.contains(client); });
  const Cidr* const within = found == networks.end() ? nullptr : &*found;
  return {within != nullptr, client, networks, within};
}

std::string ClientIn::words(std::string_view list) const {
  std::string text = client.to_string();
  text += yes ? " is in " : " is not in ";
  text += list;
  return text;
}

std::string ClientIn::words() const {
  return words(within == nullptr ? described(networks) : within->to_string());
}

std::string described(std::span<const Cidr> networks) {
  constexpr std::size_t shown = 5;
  std::string text;
  for (const Cidr& network : networks.first(std::min(networks.size(), shown))) {
    if (!text.empty()) text += ", ";
    text += network.to_string();
  }
  if (networks.size() > shown) text += " and " + std::to_string(networks.size() - shown) + " more";
  return text;
}

}  // namespace postern::policy::questions
