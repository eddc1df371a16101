// Proof that no stranger sends through to foreign destinations, or a dialogue of one who does.
// Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dialect/restrictions/lint.h"
#include "dialect/restrictions/lint_model.h"

namespace postern::dialect::restrictions {

/// A rule that permits a stranger's mail to a foreign destination, as far as the model sees.
struct Opening {
  ListKind list;
  std::size_t index;
};

struct RelayVerdict {
  OpenRelay open = OpenRelay::keyed;
  /// Of keyed: the lists are too large to try every dialogue.
  bool ended_early = false;
  Witness witness;
  /// What proves `no`: the list that no stranger passes.
  ListKind barrier = ListKind::relay;
  /// Of keyed: what cannot be ruled out, in the relay and the recipient list.
  std::vector<Opening> openings;
  /// Rules that throw a stranger's message away, after taking it.
  std::vector<Opening> discards;
};
RelayVerdict judge_relay(const Policy& policy);

/// Tries dialogues against evaluate(). `anybody`: it goes through for clients and destinations at
/// large, not for those alone that tables list.
struct Way {
  Witness witness;
  bool anybody = false;
};
struct SearchResult {
  std::optional<Way> way;
  bool ended_early = false;  ///< the lists are too large to try everything
};
SearchResult find_way(const Policy& policy);

/// What a witness says of a list that a rule's permit ends: "`permit_mynetworks` lets it through".
/// The web pages look for the words behind the rule.
std::string why_permitted(const Rule& rule);

/// Plays a dialogue; fills in `passed`. False: something refuses, or the message is thrown away.
/// `service`: what policy servers answer.
bool goes_through(const Policy& policy, Witness& dialogue, const std::string& service);

}  // namespace postern::dialect::restrictions
