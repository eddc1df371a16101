// A compiled policy: for each stage a list of checks with their arguments. Plain data, no
// interpreter.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "policy/domain_set.h"
#include "policy/need.h"
#include "policy/verdict.h"

namespace postern::policy {

struct Evidence;

/// A limit of size and of number.
struct SizeLimits {
  std::uint64_t octets = 0;  ///< at most; octets
  std::uint64_t count = 0;   ///< at most
  bool operator==(const SizeLimits&) const = default;
};

/// The argument of a check: networks, names, domains, a number, limits, or none.
using Argument = std::variant<std::monostate, CidrSet, std::vector<std::string>, DomainSet,
                              std::uint64_t, SizeLimits>;

/// One question with one implementation, for all dialects.
struct Check {
  std::string_view name;  ///< its name for users, in the catalogue and in traces
  Stage stage;            ///< when it is asked
  Need needs;             ///< gathered before judge()
  /// A pure function of the evidence and the argument; it fetches nothing.
  Verdict (*judge)(const Evidence& evidence, const Argument& argument);
  std::string_view help;     ///< one line
  std::string_view replies;  ///< its possible refusals: "550 5.7.1, 550 5.1.1"
  std::string_view control;  ///< its name in delivery logs and dry runs; "": none
};

/// A check in a plan.
struct Rule {
  const Check* check = nullptr;  ///< static, never null
  Argument argument;             ///< for Check::judge
  std::string origin;  ///< its place in the policy: "restrictions:2:17", or policy id and field
};

/// The rules of a policy, by stage.
class Plan {
 public:
  /// Appends a rule to the list of its check's stage.
  void add(Rule rule) {
    rules_[static_cast<std::size_t>(rule.check->stage)].push_back(std::move(rule));
  }
  /// The rules of a stage, in order.
  const std::vector<Rule>& at(Stage stage) const { return rules_[static_cast<std::size_t>(stage)]; }

 private:
  std::array<std::vector<Rule>, stage_count> rules_;
};

}  // namespace postern::policy
