// Which addresses this gateway may connect to for others: the guard against server-side request
// forgery. Webhooks: when a target is saved (literal addresses) and for every resolved address
// before it is connected to. Mail: for every address that an MX record leads to.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ip.h"

namespace postern {

/// What the special addresses are good for.
enum class Reach : std::uint8_t {
  global,         ///< ordinary public addresses
  documentation,  ///< nobody has them
  local,          ///< networks of the operator's own
  none,           ///< this machine, this link, no single host, or no host at all
};
Reach reach_of(const IpAddress& address);

/// What is special about an address: "loopback", "private network", ...; empty when it is an
/// ordinary public one. IPv4 addresses inside IPv6 forms (mapped, NAT64, 6to4) are judged as
/// themselves.
std::string_view special_purpose(const IpAddress& address);

/// True unless the address is public or in `allowed`, the operator's exceptions. An embedded IPv4
/// address is allowed only by a network that names it as IPv4.
bool refused(const IpAddress& address, const CidrSet& allowed);

}  // namespace postern
