// What SCRAM's -PLUS binds to of a TLS connection, as the server sees it.
#pragma once

#include <string>

struct ssl_st;
struct x509_st;

namespace postern::net {

/// In octets; all empty where the connection has nothing that is safe to bind to.
struct ChannelBinding {
  std::string exporter;          ///< tls-exporter (RFC 9266 §2)
  std::string server_end_point;  ///< tls-server-end-point (RFC 5929 §4); empty: undefined for it
  std::string unique;            ///< tls-unique (RFC 5929 §3); TLS 1.2 alone
};

/// Of a finished handshake, which cannot be renegotiated. TLS 1.2 has them with the extended master
/// secret only: without it another connection may have the same (RFC 7627 §1, RFC 9266 §4).
ChannelBinding channel_binding(ssl_st* ssl);

/// The certificate's hash, by the function that its signature uses. Empty: that uses none, as
/// Ed25519 (RFC 5929 §4.1).
std::string server_end_point(x509_st* certificate);

}  // namespace postern::net
