// What a destination's records demand of TLS, as far as it is decided before a connection is made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::relay {

/// A TLSA record in text, `usage selector matching hex`, that SMTP can be held to (RFC 7672 §3.1):
/// usage 2 or 3, selector 0 or 1, matching 0, 1 or 2 with data of the right length; for matching 0
/// a certificate or a public key in DER.
bool is_usable_tlsa(std::string_view record);

/// The policy of a domain that is in force (RFC 8461 §3.2), found by whoever keeps them.
struct StsPolicy {
  enum class Mode : std::uint8_t { none, testing, enforce };
  Mode mode = Mode::none;
  std::vector<std::string> mx;  ///< names and `*.names`
};

/// RFC 8461 §4.1: equal, or `*.` stands for exactly one label. Case does not matter.
bool sts_allows(const StsPolicy& policy, std::string_view mx_name);

}  // namespace postern::relay
