#include "policy/questions/client_in.h"

#include <algorithm>

namespace postern::policy::questions {

ClientIn client_in(const IpAddress& client, const CidrSet& networks) {
  return {client.is_known() && networks.contains(client), client, networks.networks()};
}

ClientIn client_in(const IpAddress& client, std::span<const Cidr> networks) {
  const bool yes = client.is_known() && std::ranges::any_of(networks, [&](const Cidr& network) {
                     return network.contains(client);
                   });
  return {yes, client, networks};
}

std::string ClientIn::words(std::string_view list) const {
  std::string text = client.to_string();
  text += yes ? " is in " : " is not in ";
  text += list;
  return text;
}

std::string ClientIn::words() const {
  if (!yes) return words(described(networks));
  const auto one = std::ranges::find_if(
      networks, [this](const Cidr& network) { return network.contains(client); });
  return words(one->to_string());
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
