// Which addresses this gateway may connect to on behalf of others: the guard against server-side
// request forgery. A webhook target is checked when it is saved (literal addresses) and again for
// every resolved address before the connection. Outbound mail checks every address of an MX host.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ip.h"

namespace postern {

/// Where the hosts of an address may be. Everything but `global` is in a special-purpose registry
/// (RFC 6890 §2.2).
enum class Reach : std::uint8_t {
  global,         ///< ordinary public addresses
  documentation,  ///< reserved for documentation: no host has them
  local,          ///< private networks: the operator's own hosts
  none,           ///< this host, this link, multicast, or reserved: no usable mail host
};
/// An embedded IPv4 address is judged as in special_purpose().
Reach reach_of(const IpAddress& address);

/// The purpose of a special address: "loopback", "private network", ...; empty for an ordinary
/// public address. An IPv4 address embedded in IPv6 (IPv4-mapped, NAT64, 6to4) is judged as that
/// IPv4 address. The view is valid forever. Thread-safe.
std::string_view special_purpose(const IpAddress& address);

/// True unless the address is public or in `allowed`, the operator's exceptions. An exception for
/// an embedded IPv4 address must be an IPv4 network. Thread-safe.
bool refused(const IpAddress& address, const CidrSet& allowed);

}  // namespace postern
