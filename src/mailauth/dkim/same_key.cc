#include "mailauth/dkim/same_key.h"

#include <openssl/evp.h>

namespace mailauth::dkim {

bool same_key(const KeyRecord& published, std::string_view own) {
  const auto parsed = parse_key_record(own);
  return parsed && EVP_PKEY_eq(published.key.get(), parsed->key.get()) == 1;
}

}  // namespace mailauth::dkim
