// The controls of webhook policies, each described once: the plan, the words, the advice, the hints
// of `explain`, the entries of a dry run and the pages are made from one table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/webhook/fields.h"
#include "dialect/webhook/reads_as.h"
#include "policy/plan.h"

namespace postern::dialect::webhook {

/// A check that a control adds to the plan.
struct ControlRule {
  std::string_view field;  ///< which switches it on; the end of the rule's origin, "pol_.../field"
  const policy::Check* check = nullptr;  ///< static, never null
  bool (*is_on)(const PolicyFields& fields) = nullptr;
  /// `id`: of the policy.
  policy::Argument (*argument)(const std::string& id, const PolicyFields& fields) = nullptr;
  /// What would have prevented its refusal: completes "It would pass if".
  std::string (*hint)(const PolicyFields& fields, const policy::Evidence& evidence) = nullptr;
};

/// A condition for mail that a policy may set.
struct Control {
  std::string_view name;   ///< in answers and delivery logs: Check::control of its rules
  std::string_view label;  ///< for people: "Source IP"
  std::string_view brief;  ///< where there is little room: "IP"
  std::span<const std::string_view> fields;  ///< the first is the one that switches it on
  std::span<const ControlRule> rules;        ///< of one stage, in the order of evaluation
  /// It is on where the list of its field names it: one of `policy::questions::offered`. Dry runs
  /// and pages show it only where it is on.
  bool named = false;
  /// Continues "A message is accepted when"; called only if a rule is on.
  std::string (*reads)(const PolicyFields& fields) = nullptr;
  /// Adds hints on a valid policy that may not do what its author intended; null: none.
  void (*advise)(const PolicyFields& fields, std::vector<Advice>& advice) = nullptr;
};

/// All controls, in the order of evaluation: those of RCPT first. Static.
std::span<const Control> controls();

/// The first refusal of a check in its entry of the catalogue: "550 5.7.1".
std::string first_reply(const policy::Check& check);

/// The rule of a check that a field switches on; null if there is none. Static.
const ControlRule* rule_of(std::string_view field, std::string_view check);

}  // namespace postern::dialect::webhook
