// Targets of webhooks (docs/webhook-policies.md, target_url). Host names are checked here as text;
// the same address guard checks the addresses that they resolve to at connect time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace postern::dialect::webhook {

/// What the operator allows besides https to public addresses.
struct TargetRules {
  bool allow_http = false;                 ///< plain http
  CidrSet allow_networks;                  ///< non-public networks
  std::vector<std::uint16_t> allow_ports;  ///< ports below 1024 other than 80 and 443
};

/// Selects the built-in inbox instead of a URL.
inline constexpr std::string_view inbox_target = "inbox";

/// The URL with an international host name as A-labels (RFC 5890 §2.3.2.1), the form that is stored
/// and requested; unchanged if the host is ASCII or no domain name.
std::string with_ascii_host(std::string url);

/// The error of a target as a sentence; nullopt: allowed.
std::optional<std::string> refuse_target(std::string_view url, const TargetRules& rules);

}  // namespace postern::dialect::webhook
