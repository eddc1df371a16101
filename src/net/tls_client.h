// TLS towards other servers: contexts that verify, or do not, by what the peer must be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

struct ssl_ctx_st;

namespace postern::net {

/// Trust and settings: TLS 1.2 and later, no compression, no renegotiation. Immutable, shared
/// between threads.
class TlsClientContext {
 public:
  /// `ca_file`: PEM of the roots to trust; empty: those of the system. Fault::permanent.
  static Result<std::shared_ptr<const TlsClientContext>> make(const std::string& ca_file);
  ssl_ctx_st* handle() const { return context_.get(); }

 private:
  TlsClientContext() = default;
  std::shared_ptr<ssl_ctx_st> context_;
};

/// Who the other side should be.
struct TlsPeer {
  std::vector<std::string> names;  ///< A-labels; the first goes out as SNI, none: no SNI
  bool verify = false;  ///< chain to a root, and one of `names` among its DNS-IDs (RFC 6125)
  /// TLSA records, `usage selector matching hex`, of usage 2 or 3 (RFC 7672 §3.1): with them it is
  /// they that `verify` looks for, the first of `names` being their base domain.
  std::vector<std::string> tlsa;
};

}  // namespace postern::net
