// Signs deliveries, so that a receiver can verify where they come from: Standard Webhooks 1.0.0,
// and the older body digest of the webhook dialect.
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

/// The keys of one delivery.
struct SigningKeys {
  std::vector<Secret> secrets;  ///< "whsec_" + base64; the current one first, then the previous one
  Secret ed25519_seed;          ///< 32 octets; empty: no `v1a` signature

  /// The webhook's keys at that time. The previous secret is used until it expires.
  static SigningKeys of(const policy::Webhook& webhook, std::chrono::system_clock::time_point at);
};

/// The header fields `webhook-id`, `webhook-timestamp`, `webhook-signature` and
/// `X-Conduit-Signature` of a request with this body. Fault::bug for a malformed or missing secret.
Result<std::vector<std::pair<std::string, std::string>>> sign(const SigningKeys& keys,
                                                              const std::string& message_id,
                                                              std::int64_t unix_seconds,
                                                              std::string_view body);

/// An Ed25519 signature (RFC 8032 §5.1.6) of the joined pieces, 64 octets. Reads the pieces twice
/// and does not copy them. `seed`: 32 octets.
std::string ed25519_sign(const Secret& seed, const std::vector<std::string_view>& pieces);

}  // namespace postern::deliver
