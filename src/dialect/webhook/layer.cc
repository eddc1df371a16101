#include "dialect/webhook/layer.h"

#include <fmt/format.h>

#include "policy/catalogue.h"
#include "policy/webhook.h"

namespace postern::dialect::webhook {

using policy::Evidence;
using policy::Gatherer;
using policy::Plan;
using policy::Recipient;
using policy::Stage;
using policy::Step;
using policy::Verdict;
namespace checks = policy::checks;

WebhookLayer::WebhookLayer(std::uint64_t max_recipients) : max_recipients_(max_recipients) {
  before_.add({&checks::webhook_active, {}, "webhook/is_active"});
  before_.add({&checks::policy_loaded, {}, "webhook/smtp_security_policy_id"});
  after_.add({&checks::rate_available, {}, "webhook/rate_limit_per_minute"});
  after_.add({&checks::one_webhook_a_message, {}, "webhook"});
  after_.add({&checks::webhook_recipients, max_recipients_, "limits.webhook_recipients"});
}

std::string WebhookLayer::definition() const {
  return fmt::format(R"({{"recipients":{}}})", max_recipients_);
}

bool WebhookLayer::speaks_at(Stage stage) const {
  return stage == Stage::rcpt || stage == Stage::message;
}

Task<Verdict> WebhookLayer::judge(Stage stage, Evidence& evidence, Gatherer& gatherer,
                                  std::vector<Step>& steps) const {
  if (stage == Stage::rcpt) return judge_recipient(evidence, gatherer, steps);
  static const Plan no_policy;
  const Recipient* subject = evidence.recipients.empty() ? nullptr : &evidence.recipients.front();
  const Plan& plan = subject && subject->route.policy ? subject->route.policy->plan : no_policy;
  return policy::run_plan(name(), plan, stage, evidence, gatherer, steps);
}

Task<Verdict> WebhookLayer::judge_recipient(Evidence& evidence, Gatherer& gatherer,
                                            std::vector<Step>& steps) const {
  if (!evidence.candidate || !evidence.candidate->route.webhook) co_return policy::pass_on();
  const auto owner = evidence.candidate->route.policy;  // keeps the plan alive over the waits
  const Plan* plans[] = {&before_, owner ? &owner->plan : nullptr, &after_};
  for (const Plan* plan : plans) {
    if (plan == nullptr) continue;
    Verdict verdict =
        co_await policy::run_plan(name(), *plan, Stage::rcpt, evidence, gatherer, steps);
    if (verdict.decides()) co_return verdict;
  }
  co_return policy::pass_on();
}

}  // namespace postern::dialect::webhook
