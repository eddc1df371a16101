#pragma once

#include <string>

#include "base/ip.h"

namespace postern {

/// What every limit by address counts under: the octets of an IPv4 address, or of the /64 of an
/// IPv6 address, which is what one subscriber holds. All whose address is unknown share one key,
/// which is no address's: they gain no more than one other bucket. Not for people: it is no text.
inline std::string subscriber_key(const IpAddress& address) {
  if (!address.is_known()) return "unknown";
  return std::string(address.octets().substr(0, address.is_v4() ? 4 : 8));
}

/// What neighbours share who were given one block: the octets of an IPv4 /24 or an IPv6 /48.
inline std::string subnet_key(const IpAddress& address) {
  if (!address.is_known()) return "unknown";
  return std::string(address.octets().substr(0, address.is_v4() ? 3 : 6));
}

}  // namespace postern
