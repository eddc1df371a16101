// Proves that no unknown client can relay, or finds a dialogue that does. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dialect/restrictions/lint.h"
#include "dialect/restrictions/lint_model.h"

namespace postern::dialect::restrictions {

/// A rule that permits an unknown client's mail to a foreign destination, according to the model.
struct Opening {
  ListKind list;      ///< its list
  std::size_t index;  ///< in the list, from 0
};

/// Result of judge_relay().
struct RelayVerdict {
  OpenRelay open = OpenRelay::keyed;  ///< the verdict
  /// With keyed: the lists are too large to try all dialogues.
  bool ended_early = false;
  Witness witness;  ///< empty without one
  /// With no: the list that no unknown client passes.
  ListKind barrier = ListKind::relay;
  /// With keyed: rules of relay and recipient list that may permit.
  std::vector<Opening> openings;
  /// Rules that discard an unknown client's message.
  std::vector<Opening> discards;
};
/// Proves or searches.
RelayVerdict judge_relay(const ListPolicy& policy);

/// A dialogue that evaluate() permits. `anybody`: it works for clients and destinations in general,
/// not only for those in tables.
struct Way {
  Witness witness;       ///< the dialogue
  bool anybody = false;  ///< see above
};
/// Result of find_way().
struct SearchResult {
  std::optional<Way> way;    ///< nullopt: not found
  bool ended_early = false;  ///< the lists are too large to try all dialogues
};
/// Searches for a dialogue that relays.
SearchResult find_way(const ListPolicy& policy);

/// Why a list permits, for a witness: "`permit_mynetworks` lets it through". The web pages parse
/// the text after the rule.
std::string why_permitted(const Rule& rule);

/// Plays a dialogue and fills in `passed`. False if it is refused or the message is discarded.
/// `service`: the reply of policy servers.
bool goes_through(const ListPolicy& policy, Witness& dialogue, const std::string& service);

}  // namespace postern::dialect::restrictions
