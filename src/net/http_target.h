// What an outgoing HTTP request may aim at: the part of the SSRF guard that needs no network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ip.h"

namespace postern::net {

/// The operator's exceptions from what outgoing requests may reach.
struct EgressRules {
  CidrSet allow_networks;                  ///< reachable although on the deny list
  bool allow_http = false;                 ///< plain http too, not only https
  std::vector<std::uint16_t> allow_ports;  ///< besides 80, 443 and those above 1023
  /// The operator himself named the URL: any address and port, this machine included.
  bool trusted = false;

  bool refuses(const IpAddress& address) const;
};

/// A URL taken apart by the parser that also makes the request (libcurl's), so that what was
/// checked and what is used cannot differ.
struct HttpTarget {
  std::string url;   ///< normalised
  std::string host;  ///< a name without trailing dot, or an address without brackets
  std::uint16_t port = 443;
  std::optional<IpAddress> address;  ///< the host, when it is a literal
  bool tls = true;
};

/// Fault::malformed: not a URL of ours. Fault::denied: scheme, port, user information, a host that
/// is or stands for this machine, a literal address on the deny list.
Result<HttpTarget> parse_target(const std::string& url, const EgressRules& rules);

/// `localhost` and names below it (RFC 6761 §6.3), without regard to case or a trailing dot.
bool is_localhost_name(std::string_view name);

}  // namespace postern::net
