#include "explain/trace_hints.h"

#include <fmt/format.h>

#include "dialect/restrictions/evaluate.h"
#include "dialect/webhook/controls.h"
#include "policy/deferral.h"
#include "policy/webhook.h"

namespace postern::app {

std::vector<std::string> hints_for(const policy::Step& decider, const policy::Recipient* subject,
                                   const policy::Evidence& evidence) {
  if (decider.layer == "webhook" && subject != nullptr && subject->route.policy) {
    const std::size_t slash = decider.origin.rfind('/');
    const auto fields = dialect::webhook::fields_of(subject->route.policy->definition);
    if (slash == std::string::npos || !fields) return {};
    const auto* rule = dialect::webhook::rule_of(std::string_view(decider.origin).substr(slash + 1),
                                                 decider.check);
    if (rule == nullptr) return {};
    return {rule->hint(*fields, evidence)};
  }
  if (const auto raised = policy::raised_by(decider.verdict)) {
    return {fmt::format("{} had no reason to defer", raised->check)};
  }
  if (decider.check == dialect::restrictions::name_of(nullptr)) return {};
  if (decider.layer == "restrictions") {
    return {
        fmt::format("{} did not match, or a rule before it had permitted the mail", decider.check)};
  }
  return {};
}

}  // namespace postern::app
