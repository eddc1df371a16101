// Calls of what is nowhere, found without running them: functions, methods and modules that neither
// Lua nor Postern has and no text of the policy makes, and fields that look like a slip of the pen.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::dialect::kumo {

struct UseFindings {
  std::vector<std::string> mistakes;  ///< calls of what is certainly nowhere
  std::vector<std::string> warnings;
};

/// "policy.lua:3:7: nothing defines the function `rejct`; did you mean `reject`?", in the order of
/// the texts. `texts`: every Lua text of the policy with its file's name; what one of them names in
/// any other role than a call counts as there. `has_module`: whether `require` finds a file of that
/// name. Where texts make names that cannot be seen (`_G`, `_ENV`, `load`, `__index`, a module that
/// is not among the texts) nothing is certain: all findings are warnings. So are those about modules
/// where a text names `package`, which has further places and modules.
UseFindings lint_uses(const std::vector<std::pair<std::string, std::string_view>>& texts,
                      const std::function<bool(std::string_view name)>& has_module);

}  // namespace postern::dialect::kumo
