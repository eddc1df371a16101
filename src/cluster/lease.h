// How long a silent node keeps what it has: the durations of its lease, and the conditions of SQL
// that follow from them. They are written here alone.
#pragma once

#include <chrono>
#include <string>

namespace postern::cluster {

/// Between two heartbeats.
inline constexpr std::chrono::seconds heartbeat_every{5};
/// When nobody was heard of for so long, the database was away: who comes back first makes nobody
/// dead by that.
inline constexpr std::chrono::seconds away_after{10};
/// The server ends a transaction whose client was silent for so long: it holds locks.
inline constexpr std::chrono::seconds transactions_idle_for{20};
/// A node that was silent for so long delivers nothing: another one may soon do it.
inline constexpr std::chrono::seconds delivers_until{25};
/// A node that was silent for so long is dead: others take its parts.
inline constexpr std::chrono::seconds dead_after{30};
/// After so long nobody waits for its attempts either.
inline constexpr std::chrono::seconds claims_end_after{60};
/// What a delivery has at least for the step that cannot be taken back.
inline constexpr std::chrono::seconds claim_left{10};

static_assert(heartbeat_every < away_after, "one late heartbeat is no absence of the database");
static_assert(transactions_idle_for < dead_after, "the locks of the dead are free");
static_assert(2 * heartbeat_every < delivers_until && delivers_until < dead_after);
static_assert(delivers_until + claim_left <= claims_end_after);

/// The condition on a row of `node` that is neither dead nor at its end. A failover of the database
/// makes nobody dead: what counts is the silence since it is back.
const std::string& live_node();
/// A query of the last start of each name, for people: `boot`, `name`, `version`, `seen`, `ended`
/// and `lives`; without those that stopped a day ago and those that died a week ago.
const std::string& known_nodes();
/// When the claims of a row of `node` end, if it is heard of no more.
const std::string& claims_end();
/// Whether the claim of the recipient `r` may still be kept by its process.
const std::string& claim_lives();

}  // namespace postern::cluster
