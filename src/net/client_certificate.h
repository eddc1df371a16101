// The certificates that clients of a server present in TLS (RFC 8446 §4.3.2): asking for them, and
// what is known of one. Asking fails no handshake.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"

struct ssl_st;
struct x509_st;
struct x509_store_st;
struct stack_st_X509;

namespace postern::net {

/// What is known of a client's certificate.
struct PeerCertificate {
  std::string common_name;  ///< of its subject; empty: none. At most 255 octets
  /// Of the certificate (DER): octets in capital hexadecimal digits with colons between them.
  std::string fingerprint;
  std::string key_fingerprint;  ///< the same of its SubjectPublicKeyInfo (RFC 5280 §4.1)
  bool trusted = false;         ///< its chain ends at one of the authorities, and is valid now
  std::string issuer;           ///< common name of its issuer; as common_name
};

/// Asks clients for certificates, and judges them. Immutable; thread-safe.
class ClientCertificateCheck {
 public:
  /// Where the authorities are, and the digest of fingerprints.
  struct Settings {
    std::string authorities_file;       ///< PEM; empty: none
    std::string authorities_directory;  ///< as `openssl rehash` makes it; empty: none
    std::string digest = "sha256";      ///< a name that OpenSSL has
  };
  /// Fault::permanent: a file cannot be used, or the digest is not known; the message names it.
  static Result<std::shared_ptr<const ClientCertificateCheck>> load(const Settings& settings);

  /// Makes the handshake of `ssl`, which has not begun, ask for a certificate.
  static void ask(ssl_st* ssl);
  /// After the handshake: the client's certificate; nullopt: it has none.
  std::optional<PeerCertificate> of(ssl_st* ssl) const;
  /// The same for a certificate and the chain that came with it (null: none).
  PeerCertificate of(x509_st* certificate, stack_st_X509* chain) const;

 private:
  ClientCertificateCheck() = default;
  std::shared_ptr<x509_store_st> authorities_;
  std::string digest_;
};

/// Whether this file or directory has the authorities that the system trusts for servers of the
/// Internet. Looks at the disk.
bool are_public_authorities(const std::string& path);

/// Whether OpenSSL knows a digest by this name.
bool is_digest(const std::string& name);

}  // namespace postern::net
