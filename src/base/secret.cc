#include "base/secret.h"

#include <openssl/crypto.h>

namespace postern {

bool Secret::equals(std::string_view other) const {
  return value_.size() == other.size() &&
         CRYPTO_memcmp(value_.data(), other.data(), other.size()) == 0;
}

void Secret::wipe_octets() {
  OPENSSL_cleanse(value_.data(), value_.size());
  value_.clear();
}

}  // namespace postern
