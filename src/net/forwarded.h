// Who sent a request that came through proxies: X-Forwarded-For and Forwarded (RFC 7239), believed
// from the proxies that the operator trusts and from nobody else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace postern::net {

/// The hops of a field's values, in the order of the way: nullopt where one cannot be read, is
/// "unknown" or hides its name. A value whose syntax is broken is one such hop.
using Hops = std::vector<std::optional<IpAddress>>;

/// X-Forwarded-For: addresses between commas, with or without a port.
Hops forwarded_for(std::string_view value);
/// Forwarded: the `for` of each element (RFC 7239 §4).
Hops forwarded(std::string_view value);

/// The rightmost hop that is no trusted proxy; the leftmost one when all are. `peer` where it is
/// not trusted, or where there is no field. IpAddress::unknown() where a hop on the way cannot be
/// read, or Forwarded says otherwise than X-Forwarded-For: one of them came from the client.
/// `headers`: names in lower case.
IpAddress client_of(const std::vector<std::pair<std::string, std::string>>& headers,
                    const IpAddress& peer, const CidrSet& trusted);

}  // namespace postern::net
