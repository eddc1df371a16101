#include "admin/signing_key.h"

#include <sodium.h>

#include "admin/digest.h"
#include "base/text.h"

namespace postern::admin {

SigningKeyPair new_signing_key() {
  const Secret seed(random_bytes(crypto_sign_SEEDBYTES));
  unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
  unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(public_key, secret_key,
                           reinterpret_cast<const unsigned char*>(seed.reveal().data()));
  sodium_memzero(secret_key, sizeof secret_key);
  return {seed,
          "whpk_" + base64_encode({reinterpret_cast<const char*>(public_key), sizeof public_key})};
}

Secret new_webhook_secret() { return Secret("whsec_" + base64_encode(random_bytes(32))); }

}  // namespace postern::admin
