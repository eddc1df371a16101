// Addresses as domains write them.
#pragma once

#include <string>

#include "base/ip.h"

namespace postern::mail {

/// RFC 5321 §4.1.3, in one spelling: `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
std::string literal_of(const IpAddress& address);

}  // namespace postern::mail
