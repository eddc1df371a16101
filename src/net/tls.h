// TLS for listeners: OpenSSL contexts from PEM files, or a certificate of our own making.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/secret.h"

struct ssl_ctx_st;
struct ssl_st;

namespace postern::net {

/// What a handshake agreed on.
struct TlsFacts {
  std::string version;      ///< "TLSv1.3"
  std::string cipher;       ///< "TLS_AES_256_GCM_SHA384"
  std::string server_name;  ///< that the client asked for (RFC 6066 §3); empty: none
};

/// A server's certificate and settings: TLS 1.2 and later, no renegotiation, no compression, no
/// tickets (threat model, "TLS boundary"). Immutable and shared between threads.
class TlsContext {
 public:
  /// By the name a client asks for, in lower case.
  using ByName = std::map<std::string, std::shared_ptr<const TlsContext>, std::less<>>;
  /// `by_name`: certificates for clients that ask for these names (RFC 6066 §3).
  static Result<std::shared_ptr<const TlsContext>> load(const std::string& certificate_pem_file,
                                                        const std::string& key_pem_file,
                                                        ByName by_name = {});
  /// The same of PEM texts. The names are what a complaint calls them by; it holds nothing of them.
  struct Pem {
    std::string certificate;
    Secret key;
    std::string certificate_name;
    std::string key_name;
  };
  static Result<std::shared_ptr<const TlsContext>> load(const Pem& pem, ByName by_name = {});
  ssl_ctx_st* handle() const { return context_.get(); }
  std::chrono::system_clock::time_point not_after() const { return not_after_; }

 private:
  TlsContext() = default;
  static std::shared_ptr<const TlsContext> shared(std::shared_ptr<ssl_ctx_st> context,
                                                  ByName by_name);
  static int choose(ssl_st* ssl, int* alert, void* by_name);
  ByName by_name_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::chrono::system_clock::time_point not_after_;
};

/// Makes `certificate` and `key` (P-256, self-signed for `hostname`, ten years, mode 0600) unless
/// both are there.
Result<void> ensure_self_signed(const std::string& certificate, const std::string& key,
                                const std::string& hostname);

}  // namespace postern::net
