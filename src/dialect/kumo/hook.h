// One hook as a question of the decision: called, its trouble turned into a verdict, noted as a
// step.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dialect/kumo/policy.h"
#include "policy/trace.h"

namespace postern::dialect::kumo {

struct Question {
  policy::Stage stage;
  std::string_view event;  ///< handled by the policy
  std::string shown;       ///< its arguments as a trace shows them: no secret
  script::State::Push arguments;
  script::State::Read results;  ///< null: what the handler returns is ignored
};

/// The refusal that the handler asked for; 451 4.3.0 (at connect 421 4.3.0) when it failed, the
/// cause in log and step; else pass_on. Appends the step.
Task<policy::Verdict> ask(const Policy& policy, Question question, Context& context,
                          std::vector<policy::Step>& steps);

/// Writes a hook's failure to the log.
void log_trouble(const Policy& policy, const Context& context, std::string_view event,
                 const script::Raised& raised);
/// A text as arguments are shown: `"scott"`, shortened, printable.
std::string shown(std::string_view text);

}  // namespace postern::dialect::kumo
