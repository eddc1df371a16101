// How a receiver knows that a delivery is ours: Standard Webhooks 1.0.0, and the older body digest
// of the webhook dialect.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "policy/webhook.h"

namespace postern::deliver {

/// What one delivery is signed with.
struct SigningKeys {
  std::vector<Secret> secrets;  ///< "whsec_" + base64; the current one first, then one that expires
  Secret ed25519_seed;          ///< 32 octets, or empty: no `v1a` entry

  /// The webhook's keys at that time: the previous secret signs until it expires.
  static SigningKeys of(const policy::Webhook& webhook, std::chrono::system_clock::time_point at);
};

/// The header fields `webhook-id`, `webhook-timestamp`, `webhook-signature` and
/// `X-Conduit-Signature` of a request with this body. Fault::bug for a secret that is not one.
Result<std::vector<std::pair<std::string, std::string>>> sign(const SigningKeys& keys,
                                                              const std::string& message_id,
                                                              std::int64_t unix_seconds,
                                                              std::string_view body);

/// Ed25519 (RFC 8032 §5.1.6) over the pieces as if joined; 64 octets. Reads them twice and copies
/// none. `seed` has 32 octets.
std::string ed25519_sign(const Secret& seed, const std::vector<std::string_view>& pieces);

}  // namespace postern::deliver
