#include "admin/guarded_edit.h"

#include <fmt/format.h>

#include "admin/ports.h"
#include "admin/publisher.h"
#include "store/operators.h"

namespace postern::admin {

namespace {

/// `shown`: its name and sentence. `operates`: who is told where the operator's rules stand.
Refusal refusal_of(const BrokenGuardrail& one, bool shown, bool operates) {
  const std::string whose =
      shown ? fmt::format("the guardrail `{}`", one.name) : std::string("an operator's guardrail");
  Refusal refusal{409, one.proved ? "guardrail_violated" : "guardrail_not_proved", {}, {}, {}};
  refusal.sentence = one.proved ? fmt::format("this would break {}", whose)
                                : fmt::format("it cannot be proved that {} holds then", whose);
  const std::string& why = operates ? one.why : one.told;
  if (!why.empty()) refusal.sentence += ": " + why;
  refusal.more["guardrail"] = shown ? boost::json::value(one.name) : boost::json::value();
  refusal.more["sentence"] = shown ? boost::json::value(one.sentence) : boost::json::value();
  boost::json::object witness = operates ? one.witness : one.witness_for_all;
  refusal.more["witness"] =
      witness.empty() ? boost::json::value() : boost::json::value(std::move(witness));
  return refusal;
}

}  // namespace

GuardedEdit::GuardedEdit(Core& core) : core_(core), guards_(core.deps.guards) {
  if (guards_ == nullptr) return;
  constexpr std::chrono::seconds longest{5};
  held_ = unwrap(guards_->hold(longest, false));
  // Not before: a reload may bring the first ones meanwhile.
  if (!guards_->any()) guards_ = nullptr;
}

void GuardedEdit::lists(const Lists& next) const {
  if (guards_ == nullptr) return;
  if (const auto broken = guards_->broken_by(next)) throw refusal_of(*broken, true, true);
}

void GuardedEdit::refuse(const Call& call, const Guards::WebhookEdit& edit) const {
  const auto broken = guards_->broken_by(edit);
  if (!broken) return;
  const store::Operators operators(core_.deps.store, core_.options.operators);
  const bool operates = unwrap(operators.contains(call.caller.account_id));
  throw refusal_of(*broken, broken->is_public || operates, operates);
}

void GuardedEdit::webhook(const Call& call, const store::WebhookRow& row) const {
  if (guards_ != nullptr)
    refuse(call, {.webhooks = {to_webhook(row, Secret())}, .policy = {}, .removed = {}});
}

void GuardedEdit::removal(const Call& call, const store::WebhookRow& row) const {
  if (guards_ != nullptr) refuse(call, {.webhooks = {}, .policy = {}, .removed = {row.address}});
}

void GuardedEdit::removal_of_all(const Call& call) const {
  if (guards_ == nullptr) return;
  Guards::WebhookEdit edit;
  unwrap(core_.deps.store.each_webhook(
      [&](const store::WebhookRow& row) { edit.removed.push_back(row.address); },
      {.account = call.caller.account_id, .id = {}}));
  for (const store::DomainRow& row :
       unwrap(core_.deps.store.domains(call.caller.account_id)).rows) {
    if (row.verified) edit.removed_domains.push_back(row.name);
  }
  if (!edit.removed.empty() || !edit.removed_domains.empty()) refuse(call, edit);
}

void GuardedEdit::domain(const Call& call, const std::string& name, bool is_verified) const {
  if (guards_ == nullptr) return;
  Guards::WebhookEdit edit;
  (is_verified ? edit.added_domains : edit.removed_domains).push_back(name);
  bool is_used = false;
  unwrap(core_.deps.store.each_webhook(
      [&](const store::WebhookRow& row) {
        const bool is_own = row.account_id == call.caller.account_id;
        is_used = is_used || is_own;
        if (is_verified && !is_own) edit.removed.push_back(row.address);  // it loses it
      },
      {.account = {}, .domain = name}));
  if (is_used && !is_verified) return;  // it cannot be given up
  refuse(call, edit);
}

void GuardedEdit::policy(const Call& call, const store::PolicyRow& row) const {
  if (guards_ == nullptr) return;
  Guards::WebhookEdit edit;
  edit.policy = unwrap(to_policy(row));
  for (const store::WebhookRow& one :
       unwrap(core_.deps.store.webhooks_of_policy(row.account_id, row.id))) {
    edit.webhooks.push_back(to_webhook(one, Secret()));
  }
  if (!edit.webhooks.empty()) refuse(call, edit);
}

void GuardedEdit::detachment(const Call& call, const store::PolicyRow& row) const {
  if (guards_ == nullptr) return;
  Guards::WebhookEdit edit;
  for (store::WebhookRow one :
       unwrap(core_.deps.store.webhooks_of_policy(row.account_id, row.id))) {
    one.policy_id.reset();
    edit.webhooks.push_back(to_webhook(one, Secret()));
  }
  if (!edit.webhooks.empty()) refuse(call, edit);
}

}  // namespace postern::admin
