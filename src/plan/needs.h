// Which rules of restriction lists some mail needs (docs/policy-tests.md, "Coverage").
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "plan/edit.h"
#include "plan/list_edit.h"

namespace postern::plan {

/// What is proved of a rule, in dialogues with one recipient.
enum class Need {
  idle,     ///< it never decides
  spare,    ///< without it all mail is taken or refused, and handled, as with it
  needed,   ///< without it some mail is not
  unknown,  ///< not proved
};

/// The answer for one rule.
struct RuleNeed {
  Need need = Need::unknown;
  std::optional<Witness> witness = {};  ///< if needed: `after` is without the rule
  std::string why = {};                 ///< if unknown: one sentence
};

/// Asks about the rules with these origins ("smtpd_relay_restrictions:3") that stand in its lists,
/// one after the other.
/// `edited`: the version with an edit; nullopt: it does not load. Blocks for `time` at most, and
/// the time of one comparison; rules that are left are `unknown`. Sends nothing.
std::map<std::string, RuleNeed> needs_of(
    const Edition& now, const std::set<std::string>& origins,
    const std::function<std::optional<Edition>(const ListEdit&)>& edited,
    std::chrono::milliseconds time);

}  // namespace postern::plan
