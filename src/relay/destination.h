// What a route says of a recipient before anything is looked up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "relay/relay_config.h"
#include "smtp/reply.h"

namespace postern::relay {

/// What the next hop of a recipient is called: the queue's key for what travels together and is
/// slowed together (relay rule Q4). The domain whose MX are used, or the next hops of an explicit
/// route; behind it ` from POOL` when the route has one. Never empty. `domain` as in the envelope.
std::string destination_of(const RelayConfig& config, std::string_view local_part,
                           std::string_view domain);

/// Notes in `limits_at` what a route with this key (RouteTable::add()) says of its destination,
/// when the key alone tells which that is. Routes that share a destination share the stricter
/// limits.
void add_limits(RelayConfig& config, std::string_view match, const Route& route);
/// The limits of what destination_of() calls so.
DestinationLimits limits_of(const RelayConfig& config, std::string_view destination);

/// Why a recipient cannot be relayed, as far as it is certain without DNS: a literal that is
/// malformed or not relayed to (R2), a domain that is none, a route `error:`. Nullopt: it may be.
std::optional<smtp::Reply> refusal_at_rcpt(const RelayConfig& config, std::string_view local_part,
                                           std::string_view domain);

/// The route of a recipient; plain MX for literals and where no route is written.
const Route& route_of(const RelayConfig& config, std::string_view local_part,
                      std::string_view domain);

}  // namespace postern::relay
