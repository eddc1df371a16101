// SHA-256 of a body, taken when it is put and compared whenever it is read.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace postern::spool {

class Checksum {
 public:
  Checksum();
  void add(std::string_view bytes);
  /// 32 octets; ends the computation.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string checksum(std::string_view bytes);

}  // namespace postern::spool
