#pragma once

#include <string>

#include "base/ip.h"

namespace postern {

/// The key of every limit by address: the octets of an IPv4 address, or of the /64 of an IPv6
/// address, which is what one subscriber has. All unknown addresses share one key, which differs
/// from that of any address: they get one bucket in total. Binary, not for display.
inline std::string subscriber_key(const IpAddress& address) {
  if (!address.is_known()) return "unknown";
  return std::string(address.octets().substr(0, address.is_v4() ? 4 : 8));
}

/// The key of neighbours in one address block: the octets of an IPv4 /24 or an IPv6 /48. Unknown
/// addresses: as above.
inline std::string subnet_key(const IpAddress& address) {
  if (!address.is_known()) return "unknown";
  return std::string(address.octets().substr(0, address.is_v4() ? 3 : 6));
}

}  // namespace postern
