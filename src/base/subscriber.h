// Whose share of a resource a client address uses.
#pragma once

#include <string>
#include <string_view>

#include "base/ip.h"

namespace postern {

/// The address that counts: of an IPv4 client that a translator shows in IPv6, the IPv4 address.
/// That is 64:ff9b::/96 (RFC 6052 §2.1) and, of 64:ff9b:1::/48 (RFC 8215 §3), the prefixes of 96
/// bits whose bits 64 to 95 are zero. For shares and limits only: the answer must grant nothing,
/// since who may send from these prefixes depends on the network around the gateway.
IpAddress counted_address(const IpAddress& address);

/// The key of every limit by address: an IPv4 address, or the /64 of an IPv6 address, which is what
/// one subscriber has at least. Addresses behind a translator count as counted_address(). All
/// unknown addresses share one key, which differs from that of any address: they get one bucket in
/// total. Binary, not for display; network_of_key() is its beginning.
std::string subscriber_key(const IpAddress& address);

/// The key of the network of a subscriber_key(): of an IPv4 /24 or an IPv6 /48, which is what one
/// customer can have. A key that is not of an address (a name, or none) is a network of its own;
/// such a key must not begin with a control character. The view points into the argument.
std::string_view network_of_key(std::string_view subscriber_key);

/// network_of_key() of the address's subscriber_key().
std::string subnet_key(const IpAddress& address);

}  // namespace postern
