// Host names in HELO and in addresses (RFC 5321 §2.3.5, §4.1.3).
#pragma once

#include <optional>
#include <string_view>

#include "base/ip.h"

namespace postern::mail {

/// Labels of 1 to 63 letters, digits, inner hyphens and underscores, 255 octets in all, and not
/// only digits and dots. One trailing dot is allowed.
bool is_hostname(std::string_view text);
/// is_hostname() with at least two labels.
bool is_fqdn(std::string_view text);
/// The address in `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3); nullopt: not an address
/// literal.
std::optional<IpAddress> literal_address(std::string_view text);
/// Whether literal_address() finds an address.
bool is_address_literal(std::string_view text);

}  // namespace postern::mail
