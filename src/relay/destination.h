// What routes determine about a recipient without DNS.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"
#include "relay/relay_config.h"
#include "smtp/reply.h"

namespace postern::relay {

/// A domain in lower-case A-labels, an address literal in one spelling; what is malformed in lower
/// case. `domain` is as in the envelope.
std::string normal_domain(std::string_view domain);

/// The name of a recipient's destination: the queue's key for mail that is delivered and throttled
/// together. It is the domain whose MX are used or for which tables are asked, or the
/// next hops of an explicit route, followed by ` from POOL` when the route has a pool. Never empty.
/// `domain` and `sender` are as in the envelope.
std::string destination_of(const RelayConfig& config, std::string_view local_part,
                           std::string_view domain, std::string_view sender);

/// Records in `limits_at` the limits of a route with the key `match` (RouteTable::add()), if the
/// key alone determines the destination. Routes with the same destination get the stricter limits.
void add_limits(RelayConfig& config, std::string_view match, const Route& route);
/// The limits of a destination as destination_of() names it.
DestinationLimits limits_of(const RelayConfig& config, std::string_view destination);

/// Why a recipient cannot be relayed, if that is certain without DNS: an address literal that is
/// malformed or not permitted (relay.relay_to_literals), an invalid domain, or an `error:5xx`
/// route. Nullopt: no such reason. The sender does not matter: RelayConfig::routes has no route by
/// sender for recipients that have an `error:` route without it.
std::optional<smtp::Reply> refusal_at_rcpt(const RelayConfig& config, std::string_view local_part,
                                           std::string_view domain);

/// An address literal of this host (RFC 5321 §4.1.3) is replaced by `hostname`; other addresses,
/// also those without a domain, do not change.
mail::Mailbox qualified(const mail::Mailbox& address, const RelayConfig& config,
                        std::string_view hostname);
/// refusal_at_rcpt() of the qualified() address, which must have a domain.
std::optional<smtp::Reply> refusal_of(const mail::Mailbox& recipient, const RelayConfig& config,
                                      std::string_view hostname);

/// The route of a recipient; plain MX for address literals and when no route matches. `domain` and
/// `sender` are as in the envelope. Valid as long as `config`.
const Route& route_of(const RelayConfig& config, std::string_view local_part,
                      std::string_view domain, std::string_view sender);

}  // namespace postern::relay
