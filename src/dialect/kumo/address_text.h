// Addresses as policies have them: from conn_meta, from HELO, written by hand.
#pragma once

#include <optional>
#include <string_view>

#include "base/ip.h"

namespace postern::dialect::kumo {

/// "192.0.2.1", "2001:db8::1"; also with a port, "192.0.2.1:25", "[2001:db8::1]:25", and as an
/// address literal (RFC 5321 §4.1.3), "[192.0.2.1]", "[IPv6:2001:db8::1]".
std::optional<IpAddress> address_in(std::string_view text);

}  // namespace postern::dialect::kumo
