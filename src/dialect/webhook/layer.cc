#include "dialect/webhook/layer.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/catalogue.h"
#include "policy/inquiry.h"
#include "policy/ruling.h"
#include "policy/step.h"
#include "policy/webhook.h"

namespace postern::dialect::webhook {

using policy::Evidence;
using policy::Inquiry;
using policy::Plan;
using policy::Recipient;
using policy::Ruling;
using policy::Stage;
using policy::Step;
using policy::Verdict;
namespace checks = policy::checks;

WebhookLayer::WebhookLayer(std::uint64_t max_recipients) : max_recipients_(max_recipients) {
  edited_.add({&checks::policy_in_force, {}, "webhook/smtp_security_policy_id"});
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

Task<Ruling> WebhookLayer::judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const {
  Verdict verdict = stage == Stage::rcpt ? co_await judge_recipient(inquiry, steps)
                                         : co_await judge_message(inquiry, steps);
  co_return verdict;
}

Verdict combine(std::vector<Verdict> refusals) {
  const auto permanent = [](const Verdict& one) { return one.kind == Verdict::Kind::reject; };
  const auto count = std::count_if(refusals.begin(), refusals.end(), permanent);
  if (count > 1) {  // RFC 7372 §3.4
    std::string detail;
    for (const Verdict& one : refusals) detail += (detail.empty() ? "" : "; ") + one.detail;
    return policy::refuse(550, {5, 7, 26}, "neither SPF nor DKIM vouches for this message",
                          std::move(detail));
  }
  const auto first = std::find_if(refusals.begin(), refusals.end(), permanent);
  if (first != refusals.end()) return std::move(*first);
  return refusals.empty() ? policy::pass_on() : std::move(refusals.front());
}

namespace {

/// For a policy in shadow mode: keeps its steps in the trace and ignores its verdict.
Verdict overlook(std::vector<Step>& steps, std::size_t first) {
  for (std::size_t i = first; i < steps.size(); ++i) steps[i].enforced = false;
  return policy::pass_on();
}

}  // namespace

/// The checks depend only on session, webhook and policy, so they run once for each such pair.
Task<Verdict> WebhookLayer::judge_edited(Inquiry& inquiry, std::vector<Step>& steps) const {
  const Evidence& evidence = inquiry.evidence;
  std::vector<std::pair<const policy::Webhook*, const policy::WebhookPolicy*>> seen;
  for (std::size_t i = 0; i < evidence.recipients.size(); ++i) {
    const Recipient& one = evidence.recipients[i];
    if (!one.judged || !one.route.webhook) continue;
    const std::pair owner(one.route.webhook.get(), one.route.policy.get());
    if (std::ranges::find(seen, owner) != seen.end()) continue;
    seen.push_back(owner);
    const Inquiry::Judging again(inquiry, one);
    const auto policy = one.route.policy;
    const Plan* plan = policy ? &policy->plan : nullptr;
    Verdict verdict = co_await policy::run_plan(name(), edited_, Stage::message, inquiry, steps);
    if (!verdict.decides())
      verdict = co_await policy::run_plan(name(), before_, Stage::rcpt, inquiry, steps);
    if (!verdict.decides() && plan != nullptr) {
      const std::size_t first = steps.size();
      const Inquiry::Trial trial(inquiry, policy->shadow);
      verdict = co_await policy::run_plan(name(), *plan, Stage::rcpt, inquiry, steps);
      if (policy->shadow) verdict = overlook(steps, first);
    }
    if (verdict.decides()) co_return verdict;
  }
  co_return policy::pass_on();
}

/// Asks all controls, so that the trace and the log have the answer of each. The first refusal of a
/// control is its answer.
Task<Verdict> WebhookLayer::judge_message(Inquiry& inquiry, std::vector<Step>& steps) const {
  const Evidence& evidence = inquiry.evidence;
  Verdict edited = co_await judge_edited(inquiry, steps);
  if (edited.decides()) co_return edited;
  const Recipient* subject = evidence.recipients.empty() ? nullptr : &evidence.recipients.front();
  const auto owner = subject ? subject->route.policy : nullptr;  // keeps the plan over co_await
  if (!owner) co_return policy::pass_on();
  const std::size_t first = steps.size();
  const Inquiry::Trial trial(inquiry, owner->shadow);
  std::vector<Verdict> refusals;
  std::string_view refused_control;
  for (const policy::Rule& rule : owner->plan.at(Stage::message)) {
    if (!refused_control.empty() && rule.check->control == refused_control) continue;
    Verdict verdict = co_await policy::run_rule(name(), rule, inquiry, steps);
    if (!verdict.refuses()) continue;
    refused_control = rule.check->control;
    refusals.push_back(std::move(verdict));
  }
  if (owner->shadow) co_return overlook(steps, first);
  co_return combine(std::move(refusals));
}

Task<Verdict> WebhookLayer::judge_recipient(Inquiry& inquiry, std::vector<Step>& steps) const {
  const Evidence& evidence = inquiry.evidence;
  if (!evidence.candidate || !evidence.candidate->route.webhook) co_return policy::pass_on();
  const auto owner = evidence.candidate->route.policy;  // keeps the plan over co_await
  const Plan* plans[] = {&before_, owner ? &owner->plan : nullptr, &after_};
  for (const Plan* plan : plans) {
    if (plan == nullptr) continue;
    const std::size_t first = steps.size();
    const bool shadow = owner && plan == &owner->plan && owner->shadow;
    const Inquiry::Trial trial(inquiry, shadow);
    Verdict verdict = co_await policy::run_plan(name(), *plan, Stage::rcpt, inquiry, steps);
    if (shadow) verdict = overlook(steps, first);
    if (verdict.decides()) co_return verdict;
  }
  co_return policy::pass_on();
}

}  // namespace postern::dialect::webhook
