// Calls one hook for a decision: turns its failure into a verdict and adds a step to the trace.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dialect/kumo/policy.h"
#include "policy/trace.h"

namespace postern::dialect::kumo {

/// A call of one handler.
struct Question {
  policy::Stage stage;            ///< of the decision
  std::string_view event;         ///< must have a handler in the policy
  std::string shown;              ///< the arguments for the trace; without secrets
  script::State::Push arguments;  ///< pushes the arguments on the Lua stack
  script::State::Read results;    ///< reads the handler's results; null: they are ignored
};

/// Calls the handler. Returns the refusal that it asked for; 451 4.3.0 (421 4.3.0 at connect) if it
/// failed, with the cause in the log and in the step; else pass_on. Appends the step.
Task<policy::Verdict> ask(const LuaPolicy& policy, Question question, Context& context,
                          std::vector<policy::Step>& steps);

/// Logs the failure of a hook.
void log_trouble(const LuaPolicy& policy, const Context& context, std::string_view event,
                 const script::Raised& raised);
/// A text as the trace shows arguments: `"scott"`, printable, at most 100 octets of it.
std::string shown(std::string_view text);

}  // namespace postern::dialect::kumo
