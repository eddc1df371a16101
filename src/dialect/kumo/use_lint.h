// Finds uses of undefined names without running the code: functions, methods and modules that
// neither Lua nor Postern has and that the policy does not define, names below `kumo` that Postern
// does not have (name_lint.h), and fields that look misspelt.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/kumo/standard_lint.h"

namespace postern::dialect::kumo {

/// The outcome of lint_uses().
struct UseFindings {
  std::vector<std::string> mistakes;  ///< calls that certainly fail
  /// Calls of hooks that certainly fail too: of a method that the object does not have, or with
  /// arguments that the function refuses. The policy loads, and a hook that comes to one fails.
  std::vector<std::string> failing_calls;
  std::vector<std::string> warnings;  ///< calls that probably fail
};

/// What the lint knows of the gateway.
struct LintSite {
  UnreadableFile unreadable = nullptr;  ///< of files that calls name; null: they are not looked at
  std::chrono::milliseconds time = std::chrono::milliseconds::max();  ///< of a hook
};

/// Findings like "policy.lua:3:7: nothing defines the function `rejct`; did you mean `reject`?", in
/// the order of the texts. `texts`: every Lua text of the policy with its file's name. A name that
/// occurs in any of them other than as a call counts as defined. `has_module`: whether `require`
/// finds a file of that name. If names may be defined in ways that cannot be seen (`_G`, `_ENV`,
/// `load`, `__index`, a module that is not among the texts), all findings are warnings. If a text
/// uses `package`, which may add modules, findings about modules are. A missing name below `kumo`
/// is a mistake if a call misspells it; if a text uses `pcall`, which may catch it, it is a
/// warning. What a hook calls of KumoMTA's and Postern lacks is always a mistake (hook_parts.h),
/// and so are literals of kumo.make_throttle() and check_fix_conformance() that these refuse; other
/// calls there with arguments that the function always refuses are failing calls (literal_lint.h).
/// A call of a method that the class of a handler's parameter does not have is a failing call, and
/// a mistake if it looks misspelt. Calls of Lua's own library that must fail are failing calls, too
/// (standard_lint.h). A wait for a rate that is longer than a hook's time is a warning.
UseFindings lint_uses(const std::vector<std::pair<std::string, std::string_view>>& texts,
                      const std::function<bool(std::string_view name)>& has_module,
                      const LintSite& site = {});

}  // namespace postern::dialect::kumo
