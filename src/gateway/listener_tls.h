#pragma once

#include <cstdint>

namespace postern::gateway {

/// TLS of a listener: STARTTLS offered (RFC 3207 §4), TLS from the first octet (RFC 8314 §3.3),
/// none, STARTTLS required before MAIL. In the order of the words of `listener.tls`.
enum class ListenerTls : std::uint8_t { starttls, implicit, none, required };

}  // namespace postern::gateway
