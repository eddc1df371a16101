// Incremental SHA-256 (FIPS 180-4).
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace postern {

/// One digest computation. For one thread at a time.
class Sha256 {
 public:
  /// Throws std::bad_alloc when OpenSSL cannot provide a context.
  Sha256();
  /// Appends octets to the input.
  void add(std::string_view octets);
  /// The 32 octets of the digest; the object must not be used afterwards.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// The digest of `octets`: 32 octets. Throws std::bad_alloc. Thread-safe.
std::string sha256(std::string_view octets);

}  // namespace postern
