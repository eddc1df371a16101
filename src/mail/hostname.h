// Host names as HELO and addresses hold them (RFC 5321 §2.3.5, §4.1.3).
#pragma once

#include <optional>
#include <string_view>

#include "base/ip.h"

namespace postern::mail {

/// Labels of 1 to 63 letters, digits, hyphens (inside) and underscores, 255 octets in all, not
/// digits and dots alone. One trailing dot is allowed.
bool is_hostname(std::string_view text);
/// is_hostname() with a dot inside.
bool is_fqdn(std::string_view text);
/// Of `[192.0.2.1]` or `[IPv6:2001:db8::1]`; nullopt: it is no address literal.
std::optional<IpAddress> literal_address(std::string_view text);
bool is_address_literal(std::string_view text);

}  // namespace postern::mail
