// Values of transport maps and of parameters like relayhost (transport(5)), in the form of a
// [[route]].
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::dialect::restrictions {

/// A next hop.
struct NextHop {
  std::string text;     ///< as written: the key in the password and TLS policy maps
  std::string to;       ///< "host", "host:587", "[192.0.2.1]:25", "mx:domain"
  std::string host;     ///< without port; "" for an MX look-up
  std::string trouble;  ///< why `to` is empty, or what differs
};
/// Reads "host", "[host]", "[192.0.2.1]:submission".
NextHop next_hop_of(std::string_view written);

/// Next hops that are tried in turn.
struct NextHops {
  std::vector<std::string> to;       ///< as relay::parse_route() reads them
  std::vector<std::string> written;  ///< parallel to `to`
  std::string trouble;  ///< of the last hop that has one; hops without `to` are left out
};
/// Reads them one by one. Of several, each is a host itself.
NextHops next_hops_of(const std::vector<std::string_view>& texts);
/// Reads "[one.example], [two.example]:587".
NextHops next_hops_in(std::string_view value);

/// "relay:[host]:port" in its two parts; a text without a colon is a transport.
struct Transport {
  std::string name;           ///< in lower case; may be empty
  std::string_view next_hop;  ///< of the text that was split; may be empty
};
/// Splits at the first colon.
Transport transport_of(std::string_view value);

/// "5.1.1 no such user" and "text", of error(8), in the form of a route: "error:550 5.1.1 …".
std::string error_of(std::string_view text);
/// "4.3.2 moving today", of retry(8), which lets mail wait: "error:450 4.3.2 …".
std::string retry_of(std::string_view text);

/// The row of a transport map as relay::parse_route() reads it; nullopt: the row ":" leaves it to
/// what holds without a table. Transports are smtp, relay, discard, error, retry and the empty one.
/// Fault::denied for another, Fault::malformed for a next hop that is none. The sentence quotes the
/// row.
Result<std::optional<std::vector<std::string>>> route_in_row(std::string_view value);

}  // namespace postern::dialect::restrictions
