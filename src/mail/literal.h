// Address literals.
#pragma once

#include <string>

#include "base/ip.h"

namespace postern::mail {

/// The canonical address literal (RFC 5321 §4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`;
/// `[unknown]` for an unknown address.
std::string literal_of(const IpAddress& address);

}  // namespace postern::mail
