// Which addresses a webhook may be posted to: the guard against server-side request forgery. Used
// when a target is saved (literal addresses) and for every resolved address before it is connected
// to.
#pragma once

#include <string_view>

#include "base/ip.h"

namespace postern {

/// What is special about an address: "loopback", "private network", ...; empty when it is an
/// ordinary public one. IPv4 addresses inside IPv6 forms (mapped, NAT64, 6to4) are judged as
/// themselves.
std::string_view special_purpose(const IpAddress& address);

/// True unless the address is public or in `allowed`, the operator's exceptions. An embedded IPv4
/// address is allowed only by a network that names it as IPv4.
bool refused(const IpAddress& address, const CidrSet& allowed);

}  // namespace postern
