#pragma once

#include <string>

#include "base/secret.h"

namespace postern::admin {

/// The ed25519 key of an account's `v1a` webhook signatures (Standard Webhooks).
struct SigningKeyPair {
  Secret seed;             ///< 32 octets
  std::string public_key;  ///< "whpk_" and base64
};
SigningKeyPair new_signing_key();

/// "whsec_" and base64 of 32 random octets.
Secret new_webhook_secret();

}  // namespace postern::admin
