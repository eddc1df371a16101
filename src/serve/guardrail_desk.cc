#include "serve/guardrail_desk.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "admin/publisher.h"
#include "config/room_options.h"
#include "mail/address.h"
#include "mail/local_part.h"
#include "serve/service_manager.h"
#include "serve/stored_policies.h"
#include "telemetry/log.h"

namespace postern::app {

namespace {

constexpr std::string_view running = "the configuration";

admin::BrokenGuardrail not_known(const std::string& why) {
  return {.name = "*",
          .sentence = {},
          .is_public = false,
          .proved = false,
          .why = why,
          .told = {},
          .witness = {},
          .witness_for_all = {}};
}

/// Tells the log and the service manager each five seconds how far the proofs are.
class Telling {
 public:
  void operator()(std::size_t done, std::size_t all) {
    if (Clock::now() < next_) return;
    next_ = Clock::now() + pause;
    telemetry::log::info("guardrails.proving")
        .field("count", done)
        .msg(fmt::format("the guardrails are proved for {} of {} webhooks that the lists or the "
                         "sentences tell apart from others",
                         done, all));
    // Each proof is shorter by far.
    constexpr std::chrono::microseconds more = 6 * pause;
    tell_manager(fmt::format(
        "EXTEND_TIMEOUT_USEC={}\nSTATUS=proving the guardrails: {} of {} webhooks are done",
        more.count(), done, all));
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds pause{5};
  Clock::time_point next_ = Clock::now() + pause;
};

/// The webhooks that an edit leaves as they are.
class OtherWebhooks {
 public:
  /// `now`: before the edit. Both outlive this object.
  OtherWebhooks(const policy::Directory& now, const admin::Guards::WebhookEdit& edit) : now_(now) {
    const auto leaves = [&](const std::string& address) {
      if (mail::parse_mailbox(address, mail::Utf8::allowed)) left_.insert(address);
    };
    for (const std::string& address : edit.removed) leaves(address);
    for (const auto& webhook : edit.webhooks) {
      edited_.insert(webhook->id);
      const auto before = now_.webhook(webhook->id);
      if (before && before->address != webhook->address) leaves(before->address);
    }
  }

  /// The addresses that a webhook has before the edit, and does not have any more.
  const std::set<std::string>& left() const { return left_; }
  /// The one among them that mail for the address goes to, without those of the edit; null: none.
  std::shared_ptr<const policy::Webhook> owner(mail::Mailbox address) const {
    auto found = now_.resolve(address).webhook;
    if (!found || stays(*found)) return found;
    const std::string local = address.unquoted_local_part();
    const std::size_t tag = local.find('+');
    const bool was_exact = found->address == policy::address_key(address);
    if (!was_exact || tag == std::string::npos || tag == 0) return nullptr;
    address.local_part = mail::quoted_local_part(local.substr(0, tag));
    found = now_.resolve(address).webhook;
    return found && stays(*found) ? found : nullptr;
  }
  /// Whether mail for the address goes to one of them, which `after`, with those of the edit, does
  /// not have.
  bool have(const mail::Mailbox& address, const policy::Directory& after) const {
    const auto mine = after.resolve(address).webhook;
    const auto theirs = owner(address);
    if (!theirs || !mine) return theirs != nullptr;
    // The more exact address counts.
    const std::string key = policy::address_key(address);
    return mine->id != theirs->id && theirs->address == key && mine->address != key;
  }

 private:
  bool stays(const policy::Webhook& webhook) const {
    return !edited_.contains(webhook.id) && !left_.contains(webhook.address);
  }

  const policy::Directory& now_;
  std::set<std::string> left_;
  std::set<std::string> edited_;  ///< ids
};

}  // namespace

std::optional<admin::BrokenGuardrail> GuardrailDesk::first_broken(
    const Config& config, std::shared_ptr<policy::Directory> directory,
    const plan::GuardScope& scope, std::chrono::milliseconds time) const {
  const auto results = plan::check_guardrails(
      {.name = std::string(running), .config = &config, .directory = std::move(directory)},
      *config.guardrails, scope, {.time = time, .each = std::nullopt});
  for (std::size_t at = 0; at < results.size(); ++at) {
    const plan::GuardResult& result = results[at];
    const Guardrail& guardrail = config.guardrails->sentences[at];
    if (!plan::refuses(result, guardrail)) continue;
    const bool violated = result.word == plan::GuardResult::Word::violated;
    return admin::BrokenGuardrail{.name = guardrail.name,
                                  .sentence = guardrail.text,
                                  .is_public = guardrail.is_public,
                                  .proved = violated,
                                  .why = violated ? plan::dialogue_of(result) : result.text,
                                  .told = violated ? plan::dialogue_for_all(result) : "",
                                  .witness = plan::witness_of(result),
                                  .witness_for_all = plan::witness_for_all(result)};
  }
  for (const Diagnostic& one : plan::diagnostics_of(results, *config.guardrails)) {
    if (one.code != "G101") telemetry::log::warning("guardrail.warning").msg(on_one_line(one));
  }
  return std::nullopt;
}

Result<std::shared_ptr<void>> GuardrailDesk::hold(std::chrono::milliseconds longest, bool comes) {
  const Until until = std::chrono::steady_clock::now() + longest;
  auto here = std::make_shared<std::unique_lock<std::timed_mutex>>(edits_, until);
  if (!here->owns_lock()) {
    return fail(Fault::temporary, "an edit or a reload is being proved: try again");
  }
  if (!elsewhere_ || (!comes && !any())) return std::shared_ptr<void>(std::move(here));
  Result<std::shared_ptr<void>> there = elsewhere_(until);
  if (!there) return there;
  using Both = std::pair<std::shared_ptr<void>, std::shared_ptr<void>>;  // the second ends first
  return std::shared_ptr<void>(std::make_shared<Both>(std::move(here), std::move(*there)));
}

std::optional<admin::BrokenGuardrail> GuardrailDesk::broken_by(const admin::Lists& next) {
  Config config = deciding_();
  if (!config.guardrails) return std::nullopt;
  config.restrictions = restrictions_of(next);
  auto all = stored_policies(store_, config.webhooks.public_domain);
  if (!all) return not_known("the webhooks cannot be read: " + all.error().message);
  return first_broken(config, std::move(all->directory), {.webhooks = std::move(all->webhooks)},
                      plan::time_of_a_list_edit);
}

std::optional<admin::BrokenGuardrail> GuardrailDesk::broken_by(const WebhookEdit& edit) {
  const Config config = deciding_();
  if (!config.guardrails) return std::nullopt;
  const OtherWebhooks others(directory_, edit);
  const auto directory = std::make_shared<policy::Directory>();
  policy::Change change;
  change.put_domains.emplace_back(config.webhooks.public_domain);
  const auto add_domain = [&](const std::string& address) {
    change.put_domains.emplace_back(address.substr(address.rfind('@') + 1));
  };
  plan::GuardScope scope{.host = false, .webhooks = edit.webhooks};
  // Mail for an address that a webhook had is another's, or the host's.
  for (const std::string& address : others.left()) {
    add_domain(address);
    const auto heir = others.owner(*mail::parse_mailbox(address, mail::Utf8::allowed));
    scope.host = scope.host || heir == nullptr;
    if (heir) scope.webhooks.push_back(heir);
  }
  for (const auto& webhook : scope.webhooks) {
    add_domain(webhook->address);
    change.put_webhooks.push_back(webhook);
    if (!webhook->policy_id || (edit.policy && edit.policy->id == *webhook->policy_id)) continue;
    const auto row = store_.policy(webhook->account_id, *webhook->policy_id);
    if (!row) return not_known("the policy cannot be read: " + row.error().message);
    if (!*row) continue;
    auto compiled = admin::to_policy(**row);
    if (!compiled) return not_known(compiled.error().message);
    change.put_policies.push_back(std::move(*compiled));
  }
  if (edit.policy) change.put_policies.push_back(edit.policy);
  directory->apply(std::move(change));
  scope.is_of_others = [&](const mail::Mailbox& address) {
    return others.have(address, *directory);
  };
  scope.others = &directory_;
  return first_broken(config, directory, scope, plan::time_of_an_edit);
}

std::string GuardrailDesk::why_not(const admin::Lists& lists) {
  Config config = deciding_();
  if (!config.guardrails) return {};
  config.restrictions = restrictions_of(lists);
  auto all = stored_policies(store_, config.webhooks.public_domain);
  if (!all) return "the guardrails need the webhooks, which cannot be read: " + all.error().message;
  plan::GuardBudget budget;
  budget.progress = Telling();
  const auto results = plan::check_guardrails(
      {.name = std::string(running), .config = &config, .directory = std::move(all->directory)},
      *config.guardrails, {.webhooks = std::move(all->webhooks)}, budget);
  std::string why_not;
  for (const Diagnostic& one : plan::diagnostics_of(results, *config.guardrails)) {
    if (one.severity == Severity::error) {
      why_not += (why_not.empty() ? "" : "; ") + on_one_line(one);
    } else {
      telemetry::log::warning("guardrail.warning").msg(on_one_line(one));
    }
  }
  return why_not;
}

}  // namespace postern::app
