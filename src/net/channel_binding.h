// TLS channel binding data for SCRAM -PLUS mechanisms, on the server side.
#pragma once

#include <string>

struct ssl_st;
struct x509_st;

namespace postern::net {

/// Octets; all empty if the connection has no safe channel binding.
struct ChannelBinding {
  std::string exporter;          ///< tls-exporter (RFC 9266 §2)
  std::string server_end_point;  ///< tls-server-end-point (RFC 5929 §4); empty: undefined for the
                                 ///< certificate
  std::string unique;            ///< tls-unique (RFC 5929 §3); TLS 1.2 only
};

/// The bindings of a finished handshake on a connection without renegotiation. TLS 1.2 requires the
/// extended master secret: without it, another connection may have the same binding (RFC 7627 §1,
/// RFC 9266 §4).
ChannelBinding channel_binding(ssl_st* ssl);

/// The hash of a certificate by its signature's hash function (RFC 5929 §4.1). Empty: the signature
/// uses none, like Ed25519.
std::string server_end_point(x509_st* certificate);

}  // namespace postern::net
