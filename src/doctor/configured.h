// What a configuration says of the gateway's surroundings: its addresses, its domains, the lists
// that it asks.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "config/config.h"

namespace postern::doctor {

/// Addresses at which the gateway is seen, sorted: of proxies before it and of listeners, and those
/// that it sends from. Where a listener is on all addresses, the machine's public ones.
std::vector<IpAddress> public_addresses(const app::Config& config);

/// Domains that the configuration receives mail for: that of webhooks, and the plain names of
/// restriction lists. The gateway's own name is not one: mail to postmaster needs no MX record.
std::vector<std::string> configured_domains(const app::Config& config);

/// Zones of the DNS lists of addresses that the restriction lists ask, sorted.
std::vector<std::string> address_lists(const app::Config& config);

}  // namespace postern::doctor
