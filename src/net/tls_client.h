// TLS contexts and peer verification for connections to other servers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

struct ssl_ctx_st;

namespace postern::net {

/// Trusted roots and settings: TLS 1.2 and later, no compression, no renegotiation. Immutable;
/// shared between threads.
class TlsClientContext {
 public:
  /// `ca_file`: PEM file of the trusted roots; empty: the system's certificate store.
  /// Fault::permanent: it cannot be loaded.
  static Result<std::shared_ptr<const TlsClientContext>> make(const std::string& ca_file);
  /// Never null.
  ssl_ctx_st* handle() const { return context_.get(); }

 private:
  TlsClientContext() = default;
  std::shared_ptr<ssl_ctx_st> context_;
};

/// The expected peer.
struct TlsPeer {
  std::vector<std::string> names;  ///< A-labels; the first is sent as SNI; empty: no SNI
  bool verify = false;  ///< require a chain to a root and one of `names` as DNS-ID (RFC 6125 §6.4)
  /// TLSA records, `usage selector matching hex`, of usage 2 or 3 (RFC 7672 §3.1). If there are
  /// any, `verify` requires a match with them; the first of `names` is their base domain.
  std::vector<std::string> tlsa;
};

}  // namespace postern::net
