// Where a webhook may point (docs/webhook-policies.md, target_url). Names are judged here by their
// spelling; the addresses they resolve to are judged at connect time by the same address guard.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace postern::dialect::webhook {

/// What the operator allows beyond https to public addresses.
struct TargetRules {
  bool allow_http = false;
  CidrSet allow_networks;
  std::vector<std::uint16_t> allow_ports;
};

/// The target that is the built-in receiver instead of a URL.
inline constexpr std::string_view inbox_target = "inbox";

/// The URL with an international host name as A-labels (RFC 5890 §2.3.2.1), as it is kept and
/// posted to; unchanged where the host is ASCII or no domain name.
std::string with_ascii_host(std::string url);

/// nullopt: acceptable. Else the sentence for the field.
std::optional<std::string> refuse_target(std::string_view url, const TargetRules& rules);

}  // namespace postern::dialect::webhook
