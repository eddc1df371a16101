#pragma once

#include <cstdint>

namespace postern::gateway {

/// TLS of a listener: STARTTLS offered (RFC 3207 §4), TLS from the first octet (RFC 8314 §3.3),
/// none, STARTTLS required before MAIL. In the order of the words of `listener.tls`.
enum class ListenerTls : std::uint8_t { starttls, implicit, none, required };

/// Whether a listener asks clients for a certificate in TLS. With `require` a client without a
/// trusted one gets 421 after the handshake. In the order of the words of
/// `listener.client_certificate`.
enum class ClientCertificates : std::uint8_t { no, ask, require };

}  // namespace postern::gateway
