#include "serve/guardrail_desk.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "config/room_options.h"
#include "mail/address.h"
#include "serve/edited_webhooks.h"
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
  plan::Webhooks webhooks = edit.webhooks;
  std::set<std::string> domains(edit.added_domains.begin(), edit.added_domains.end());
  domains.insert(config.webhooks.public_domain);
  bool host = !edit.added_domains.empty() || !edit.removed_domains.empty();
  // Mail for an address that a webhook had is another's, or the host's.
  for (const std::string& address : others.left()) {
    domains.insert(domain_of(address));
    const auto heir = others.owner(*mail::parse_mailbox(address, mail::Utf8::allowed));
    host = host || heir == nullptr;
    if (heir) webhooks.push_back(heir);
  }
  std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies;
  if (edit.policy) policies.push_back(edit.policy);
  auto directory = directory_of(store_, std::move(domains), webhooks, std::move(policies));
  if (!directory) return not_known("the policies cannot be read: " + directory.error().message);
  policy::Change gone;  // also where a webhook of another account has an address in one
  gone.remove_domains = edit.removed_domains;
  (*directory)->apply(std::move(gone));
  return first_broken(config, *directory, others.scope_of(host, std::move(webhooks), *directory),
                      plan::time_of_an_edit);
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
