#include "dialect/kumo/cidr_map_bind.h"

#include <boost/json.hpp>

#include "dialect/kumo/address_text.h"
#include "dialect/kumo/cidr_map.h"
#include "dialect/kumo/shared_map.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;

struct Networks : SharedMap<CidrMap<json::value>> {};
using ANetworks = std::shared_ptr<Networks>;

Result<Cidr> network_of(std::string_view text) {
  if (const auto address = address_in(text)) return Cidr(*address, address->bits());
  return Cidr::parse(text);
}

void set_network(const ANetworks& networks, std::string_view key, json::value value) {
  const auto network = network_of(key);
  script::demand(network.has_value(), network ? "" : network.error().message);
  networks->to_change()[*network] = std::move(value);
}

ANetworks cidr_map_of(const json::object& entries) {
  auto networks = std::make_shared<Networks>();
  for (const auto& [key, value] : entries) set_network(networks, key, value);
  return networks;
}

}  // namespace
}  // namespace postern::dialect::kumo

namespace postern::script {
template <>
struct ClassName<dialect::kumo::Networks> {
  static constexpr std::string_view value = "CidrMap";
};
template <>
struct Kept<dialect::kumo::ANetworks> {
  static json::value data(const dialect::kumo::ANetworks& networks) {
    json::object entries;
    for (const auto& [network, value] : networks->get().entries()) {
      entries.insert_or_assign(network.to_string(), value);
    }
    return entries;
  }
  static dialect::kumo::ANetworks again(const json::value& entries) {
    return dialect::kumo::cidr_map_of(entries.as_object());
  }
};
}  // namespace postern::script

namespace postern::dialect::kumo {

namespace {

ANetworks make_cidr_map(std::optional<json::value> entries) {
  if (!entries) return std::make_shared<Networks>();
  script::demand(entries->is_object(), "a table by network is expected");
  return cidr_map_of(entries->get_object());
}

json::value value_of_address(ANetworks networks, std::string_view key) {
  const auto network = network_of(key);
  const json::value* found = network ? networks->get().find(*network) : nullptr;
  return found ? *found : json::value();
}

void put_network(ANetworks networks, std::string_view key, json::value value) {
  set_network(networks, key, std::move(value));
}

constexpr script::HostFunction cidr_map_rows[] = {
    {"kumo.cidr.make_map", "entries?: table", "CidrMap",
     "A table by address and network: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.1`. The smallest "
     "network that contains an address applies to it. Memoized functions may return it.",
     script::bind<&make_cidr_map>},
    {"CidrMap:__index", "address: string", "any",
     "The value for an address, which may have a port and brackets as in conn_meta; nil without "
     "one.",
     script::bind<&value_of_address>},
    {"CidrMap:__newindex", "network: string, value: any", "", "Sets an entry.",
     script::bind<&put_network>},
};

}  // namespace

script::HostTable cidr_map_functions() { return cidr_map_rows; }

script::SharedClass cidr_map_class() { return script::shared_class<Networks>(); }

}  // namespace postern::dialect::kumo
