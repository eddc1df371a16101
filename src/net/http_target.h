// Checks of the URL of an outgoing HTTP request: the part of the SSRF guard that needs no network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ip.h"

namespace postern::net {

/// The operator's exceptions for outgoing requests.
struct EgressRules {
  CidrSet allow_networks;                  ///< allowed although special-purpose
  bool allow_http = false;                 ///< allow http besides https
  std::vector<std::uint16_t> allow_ports;  ///< besides 80, 443 and those above 1023
  /// The operator chose the URL: any address and port is allowed, including this machine.
  bool trusted = false;

  /// Whether a connection to the address is forbidden.
  bool refuses(const IpAddress& address) const;
};

/// A parsed URL. The parser is that of the client (libcurl), so the check and the request cannot
/// disagree.
struct HttpTarget {
  std::string url;   ///< normalized
  std::string host;  ///< a name without trailing dot, or an address without brackets
  /// From the URL, or the default of the scheme.
  std::uint16_t port = 443;
  std::optional<IpAddress> address;  ///< set if the host is an address literal
  bool tls = true;                   ///< https
};

/// Fault::malformed: not a valid http or https URL. Fault::denied: a forbidden scheme, port, user
/// information, host (a name of this machine), or literal address.
Result<HttpTarget> parse_target(const std::string& url, const EgressRules& rules);

/// `localhost` and names below it (RFC 6761 §6.3), ignoring case and a trailing dot.
bool is_localhost_name(std::string_view name);

}  // namespace postern::net
