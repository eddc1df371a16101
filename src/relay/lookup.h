// Looks up the DNS records that relay::route() needs.
#pragma once

#include <chrono>

#include "base/task.h"
#include "dns/resolver.h"
#include "relay/routing.h"

namespace postern::relay {

/// The outcome of route() for a recipient. The questions of a round run concurrently, each for at
/// most `limit`. Answers are added to `answers`; what it already holds is not asked again. All
/// references must outlive the await.
Task<Routed> look_up(const RoutingConfig& config, const Route& way, const Recipient& recipient,
                     dns::Resolver& resolver, std::chrono::milliseconds limit, Answers& answers);

}  // namespace postern::relay
