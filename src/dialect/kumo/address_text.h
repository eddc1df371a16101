// IP addresses as policies write them: from conn_meta, from HELO, or by hand.
#pragma once

#include <optional>
#include <string_view>

#include "base/ip.h"

namespace postern::dialect::kumo {

/// Parses "192.0.2.1" or "2001:db8::1"; with a port, "192.0.2.1:25" or "[2001:db8::1]:25", which is
/// dropped; or an address literal (RFC 5321 §4.1.3), "[192.0.2.1]" or "[IPv6:2001:db8::1]".
/// nullopt: `text` is none of these.
std::optional<IpAddress> address_in(std::string_view text);

}  // namespace postern::dialect::kumo
