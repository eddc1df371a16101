#pragma once

#include <string>

#include "base/secret.h"

namespace postern::admin {

/// The Ed25519 key of an account's `v1a` webhook signatures (Standard Webhooks).
struct SigningKeyPair {
  Secret seed;             ///< 32 octets
  std::string public_key;  ///< "whpk_" and base64
};
/// A random key.
SigningKeyPair new_signing_key();

/// "whsec_" and 32 random octets in base64.
Secret new_webhook_secret();

}  // namespace postern::admin
