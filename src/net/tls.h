// TLS for listeners: OpenSSL contexts from PEM files, and a self-signed certificate.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/secret.h"
#include "base/time_text.h"
#include "net/client_certificate.h"

struct ssl_ctx_st;
struct ssl_st;

namespace postern::net {

/// The parameters of a handshake.
struct TlsFacts {
  std::string version;      ///< "TLSv1.3"
  std::string cipher;       ///< "TLS_AES_256_GCM_SHA384"
  std::string server_name;  ///< requested by the client (SNI, RFC 6066 §3); empty: none
  std::optional<PeerCertificate> client = {};  ///< nullopt: none was asked for, or presented
  int key_bits = 0;                            ///< secret bits of the cipher
};

/// A server's certificate and settings: TLS 1.2 and later, no renegotiation, no compression, no
/// tickets (threat model, "TLS boundary"). Immutable; shared between threads.
class TlsContext {
 public:
  /// Contexts by requested server name, in lower case.
  using ByName = std::map<std::string, std::shared_ptr<const TlsContext>, std::less<>>;
  /// Loads PEM files, and shakes hands with itself: a pair that parses may still be one that no
  /// client takes. `by_name`: certificates for clients that request these names (RFC 6066 §3).
  /// Fault::permanent: a file cannot be used; the message names it.
  static Result<std::shared_ptr<const TlsContext>> load(const std::string& certificate_pem_file,
                                                        const std::string& key_pem_file,
                                                        ByName by_name = {});
  /// PEM texts, and the names by which error messages call them. Messages contain none of the text.
  struct Pem {
    std::string certificate;       ///< PEM; the chain follows the certificate
    Secret key;                    ///< PEM, not encrypted
    std::string certificate_name;  ///< for error messages
    std::string key_name;          ///< for error messages
  };
  /// As above, from PEM texts.
  static Result<std::shared_ptr<const TlsContext>> load(const Pem& pem, ByName by_name = {});
  /// Never null.
  ssl_ctx_st* handle() const { return context_.get(); }
  /// When the certificate expires; the end of the year 9999 means never (RFC 5280 §4.1.2.5).
  Instant not_after() const { return not_after_; }
  /// When the first of it and those by name expires.
  Instant first_not_after() const;

 private:
  TlsContext() = default;
  static std::shared_ptr<const TlsContext> shared(std::shared_ptr<ssl_ctx_st> context,
                                                  ByName by_name);
  static int choose(ssl_st* ssl, int* alert, void* by_name);
  ByName by_name_;
  std::shared_ptr<ssl_ctx_st> context_;
  Instant not_after_;
};

/// Creates `certificate` and `key` (P-256, self-signed for `hostname`, valid for ten years, mode
/// 0600) unless both exist. Fault::permanent: they cannot be written.
Result<void> ensure_self_signed(const std::string& certificate, const std::string& key,
                                const std::string& hostname);

}  // namespace postern::net
