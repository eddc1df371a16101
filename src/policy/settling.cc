#include "policy/settling.h"

#include <algorithm>

#include "policy/layer.h"

namespace postern::policy {

bool may_settle(const Trace& trace, const Decision& decision) {
  const bool in_time = trace.reply.code == 0 || decision.stage >= Stage::data;
  return in_time && refused(decision);
}

const Step* refusing_step(const Decision& decision) {
  const auto found =
      std::find_if(decision.steps.begin(), decision.steps.end(),
                   [](const Step& step) { return step.enforced && step.verdict.refuses(); });
  return found == decision.steps.end() ? nullptr : &*found;
}

}  // namespace postern::policy
