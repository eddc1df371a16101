// The TLS requirements in a destination's DNS records, as far as they are known before a
// connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::relay {

/// Whether a TLSA record is usable for SMTP (RFC 7672 §3.1). `record` is text, `usage selector
/// matching hex`: usage 2 or 3; selector 0 or 1; matching 0, 1 or 2 with data of the right length,
/// for matching 0 a certificate or a public key in DER.
bool is_usable_tlsa(std::string_view record);

/// The MTA-STS policy of a domain (RFC 8461 §3.2).
struct StsPolicy {
  /// The mode of the policy (RFC 8461 §3.2).
  enum class Mode : std::uint8_t { none, testing, enforce };
  Mode mode = Mode::none;       ///< `mode`
  std::vector<std::string> mx;  ///< `mx`: names and `*.` patterns
  std::uint32_t max_age = 0;    ///< `max_age`: seconds for which senders keep it
};

/// Parses the file of a policy. Fault::malformed with a sentence: senders ignore such a file.
/// Unknown fields are passed over, and of a repeated one the first counts, except for `mx`.
Result<StsPolicy> parse_sts_policy(std::string_view text);

/// Whether the policy allows an MX host: an equal name, or `*.` in place of exactly one label
/// (RFC 8461 §4.1). Case is ignored.
bool sts_allows(const StsPolicy& policy, std::string_view mx_name);

}  // namespace postern::relay
