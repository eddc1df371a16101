// Asks DNS what relay::route() wants to know.
#pragma once

#include <chrono>

#include "base/task.h"
#include "dns/resolver.h"
#include "relay/routing.h"

namespace postern::relay {

/// The outcome of route() for a recipient. The questions of a round are asked at the same time,
/// each for `limit` at most. `answers` gets what was answered, and is not asked again for what it
/// holds. Everything given must outlive the await.
Task<Routed> look_up(const RoutingConfig& config, const RouteTable& routes,
                     const Recipient& recipient, dns::Resolver& resolver,
                     std::chrono::milliseconds limit, Answers& answers);

}  // namespace postern::relay
