// A compiled policy: for each stage a list of checks with their arguments. Data, no interpreter.
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
#include "policy/evidence.h"
#include "policy/verdict.h"

namespace postern::policy {

/// Two limits of one thing.
struct SizeLimits {
  std::uint64_t octets = 0;
  std::uint64_t count = 0;
  bool operator==(const SizeLimits&) const = default;
};

/// What a dialect hands to a check: networks, names, domains, a number, limits, or nothing.
using Argument = std::variant<std::monostate, CidrSet, std::vector<std::string>, DomainSet,
                              std::uint64_t, SizeLimits>;

/// One question with one implementation, whichever dialect asks it. `judge` is pure: it looks at
/// evidence that is there (the engine has gathered `needs`) and fetches nothing.
struct Check {
  std::string_view name;  ///< the word users see, in the catalogue and in every trace
  Stage stage;
  Need needs;
  Verdict (*judge)(const Evidence& evidence, const Argument& argument);
  std::string_view help;     ///< one line
  std::string_view replies;  ///< what it may refuse with: "550 5.7.1, 550 5.1.1"
  std::string_view control;  ///< its word in delivery logs and dry runs, "" without
};

/// A check in a plan, with where its words stand: "restrictions:2:17" or a policy id and field.
struct Rule {
  const Check* check = nullptr;
  Argument argument;
  std::string origin;
};

class Plan {
 public:
  void add(Rule rule) {
    rules_[static_cast<std::size_t>(rule.check->stage)].push_back(std::move(rule));
  }
  const std::vector<Rule>& at(Stage stage) const { return rules_[static_cast<std::size_t>(stage)]; }

 private:
  std::array<std::vector<Rule>, stage_count> rules_;
};

}  // namespace postern::policy
