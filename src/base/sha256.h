// SHA-256 (FIPS 180-4) of octets that come in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace postern {

class Sha256 {
 public:
  /// Throws std::bad_alloc.
  Sha256();
  void add(std::string_view octets);
  /// 32 octets; ends the computation.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of all of it, as 32 octets.
std::string sha256(std::string_view octets);

}  // namespace postern
