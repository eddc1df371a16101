// The client behind HTTP proxies: X-Forwarded-For and Forwarded (RFC 7239 §4), believed only from
// proxies that the operator trusts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace postern::net {

/// The hops of a field's values, from the client on. nullopt: a hop that cannot be parsed, is
/// "unknown" or is obfuscated. A malformed value is one such hop.
using Hops = std::vector<std::optional<IpAddress>>;

/// Parses X-Forwarded-For: addresses separated by commas, with or without port.
Hops forwarded_for(std::string_view value);
/// Parses Forwarded: the `for` parameter of each element (RFC 7239 §4).
Hops forwarded(std::string_view value);

/// The client's address: the rightmost hop that is not a trusted proxy, or the leftmost one if all
/// are. `peer` if it is not trusted or there is no such field. IpAddress::unknown() if a hop that
/// matters cannot be parsed, or if Forwarded contradicts X-Forwarded-For: then one of them came
/// from the client. `headers`: names in lower case.
IpAddress client_of(const std::vector<std::pair<std::string, std::string>>& headers,
                    const IpAddress& peer, const CidrSet& trusted);

}  // namespace postern::net
