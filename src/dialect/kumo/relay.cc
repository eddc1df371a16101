#include "dialect/kumo/relay.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/text.h"
#include "dialect/kumo/hook.h"
#include "dialect/kumo/session.h"
#include "dialect/script_record.h"

namespace postern::dialect::kumo {

namespace {

using policy::Evidence;
using policy::Route;
using policy::Stage;
using policy::Step;
using policy::Verdict;

/// Recipients for whom nothing but reports is taken, in lower case.
struct ReportsOnly final : policy::ScriptTransaction {
  struct Taken {
    Reports oob;
    Reports arf;
  };
  std::map<std::string, Taken> of;
};
constexpr std::string_view kept_as = "lua relay";

/// A fact that is asked for between the hooks; it stands in the record among what they were told,
/// marked as what it is. Null where the record has none.
json::value remembered(Evidence& evidence, const std::function<json::value()>& fact) {
  if (evidence.offline) {
    if (!evidence.script_answers.starts_with('=')) return nullptr;
    return json::parse(take_line(evidence.script_answers).substr(1));
  }
  json::value value = fact();
  evidence.script_record += "=" + json::serialize(value) + "\n";
  return value;
}

Task<Verdict> ask_about_domain(const Policy& policy, Context& context, Stage stage,
                               std::string domain, std::vector<Step>& steps, DomainGrant& grant) {
  const std::string listener = context.listener != nullptr ? context.listener->address : "";
  Question question{.stage = stage,
                    .event = events::listener_domain,
                    .shown = shown(domain),
                    .arguments =
                        [domain, listener](lua_State* L) {
                          script::stack::push(L, std::string_view(domain));
                          script::stack::push(L, std::string_view(listener));
                          push_conn_meta(L);
                          return 3;
                        },
                    .results =
                        [&grant](lua_State* L, int count) {
                          if (count > 0) grant = grant_of(script::stack::data_at(L, -count));
                        }};
  Verdict verdict = co_await ask(policy, std::move(question), context, steps);
  co_return verdict;
}

void note(std::vector<Step>& steps, Stage stage, Verdict verdict) {
  steps.push_back({.stage = stage,
                   .layer = "lua",
                   .check = "relay",
                   .origin = {},
                   .verdict = std::move(verdict),
                   .spent = {}});
}

Verdict not_permitted(std::string_view domain) {
  return policy::refuse(550, {5, 7, 1}, "relay not permitted to " + smtp::echo(domain),
                        "nothing lets this client relay");
}

/// The report-type of a multipart/report (RFC 6522 §3), in lower case; "" of anything else.
std::string report_type(const MessageDraft& draft) {
  for (const auto& field : draft.header) {
    if (!iequals(field.name, "Content-Type")) continue;
    std::string value = lower(field.value());
    std::erase_if(value, [](char c) { return c == ' ' || c == '\t' || c == '"'; });
    if (!value.starts_with("multipart/report")) return "";
    const std::size_t at = value.find(";report-type=");
    if (at == std::string::npos) return "";
    value.erase(0, at + 13);
    return value.substr(0, value.find_first_of(";("));
  }
  return "";
}

/// What becomes of a message for a recipient of reports alone: "keep", "drop" or "refuse".
std::string_view fate_of(const ReportsOnly::Taken& taken, const std::string& type) {
  Reports wanted = Reports::ignore;
  if (type == "feedback-report") wanted = taken.arf;  // RFC 5965 §2
  if (type == "delivery-status") wanted = taken.oob;  // RFC 3464 §2
  if (wanted == Reports::ignore) return "refuse";
  return wanted == Reports::log_then_drop ? "drop" : "keep";
}

/// The strictest of its recipients' fates.
json::value fate_of(const Context& context, MessageDraft& draft) {
  const auto found = context.evidence.kept.find(kept_as);
  if (found == context.evidence.kept.end()) return "keep";
  const auto& reports = static_cast<const ReportsOnly&>(*found->second).of;
  read_header(context, draft);
  const std::string type = report_type(draft);
  std::string_view fate = "keep";
  for (const std::size_t index : draft.recipients) {
    const auto& address = context.evidence.recipients.at(index).address;
    const auto taken = reports.find(lower(address.text()));
    if (taken == reports.end()) continue;
    const std::string_view its = fate_of(taken->second, type);
    if (its == "refuse" || fate == "keep") fate = its;
  }
  return json::value(fate);
}

/// Logged for whoever looks for bounces and complaints; never its text.
void log_report(const Policy& policy, const Context& context, const MessageDraft& draft) {
  for (const std::size_t index : draft.recipients) {
    policy.world().log("info", policy.place_of(events::listener_domain),
                       "a report for " + context.evidence.recipients.at(index).address.text() +
                           " is logged and dropped");
  }
}

}  // namespace

Task<Verdict> ask_relay(const Policy& policy, Context& context, Stage stage,
                        const std::optional<mail::Mailbox>& sender, std::string domain,
                        std::vector<Step>& steps, RelayAnswer& answer) {
  const IpAddress& client = context.evidence.session.client_ip;
  if (context.listener != nullptr && context.listener->relay_hosts.contains(client)) {
    answer.why = client.to_string() + " is in relay_hosts";
    answer.by_network = true;
    co_return policy::pass_on();
  }
  if (!policy.handles(events::listener_domain)) {
    const auto& domains = policy.options().relay_to;
    if (std::find(domains.begin(), domains.end(), domain) != domains.end()) {
      answer.why = domain + " is in relay_to";
    }
    co_return policy::pass_on();
  }
  DomainGrant of_sender;
  if (sender) {
    Verdict verdict =
        co_await ask_about_domain(policy, context, stage, lower(sender->domain), steps, of_sender);
    if (verdict.refuses()) co_return verdict;
  }
  DomainGrant of_recipient;
  Verdict verdict = co_await ask_about_domain(policy, context, stage, domain, steps, of_recipient);
  if (verdict.refuses()) co_return verdict;
  if (CidrSet(of_sender.relay_from).contains(client)) {
    answer.why = client.to_string() + " is in relay_from of the sender's domain";
  } else if (of_recipient.relay_to) {
    answer.why = "relay_to of " + domain;
  }
  answer.oob = of_recipient.log_oob;
  answer.arf = of_recipient.log_arf;
  co_return policy::pass_on();
}

Task<Verdict> give_route(const Policy& policy, Context& context, std::vector<Step>& steps) {
  Evidence& evidence = context.evidence;
  const std::string domain = lower(evidence.candidate->address.domain);
  RelayAnswer answer;
  Verdict verdict = co_await ask_relay(policy, context, Stage::rcpt, evidence.reverse_path, domain,
                                       steps, answer);
  if (verdict.refuses()) co_return verdict;
  if (answer.by_network) evidence.trusted_client = true;
  if (answer.why.empty() && answer.takes_reports()) {
    answer.why = "reports for " + domain + " are taken";
    auto& kept = evidence.kept[std::string(kept_as)];
    if (!kept) kept = std::make_shared<ReportsOnly>();
    static_cast<ReportsOnly&>(*kept).of[lower(evidence.candidate->address.text())] = {answer.oob,
                                                                                      answer.arf};
  }
  if (!answer.why.empty()) evidence.candidate->route.kind = Route::Kind::relay;
  note(steps, Stage::rcpt,
       policy::pass_on(answer.why.empty() ? "nothing lets this client relay"
                                          : std::move(answer.why)));
  co_return policy::pass_on();
}

Task<Verdict> keep_relay_closed(const Policy& policy, Context& context, MessageDraft& draft,
                                std::vector<Step>& steps) {
  Evidence& evidence = context.evidence;
  if (draft.new_recipients == draft.before.forward_paths) {
    if (!policy.handles(events::listener_domain)) co_return policy::pass_on();
    const json::value fate = remembered(evidence, [&] { return fate_of(context, draft); });
    if (fate == "drop") {
      draft.before.to_nobody = true;
      if (!evidence.offline) log_report(policy, context, draft);
    }
    if (fate != "refuse") co_return policy::pass_on();
    Verdict verdict = not_permitted(
        draft.recipients.empty() ? std::string_view()
                                 : evidence.recipients.at(draft.recipients.front()).address.domain);
    note(steps, Stage::message, verdict);
    co_return verdict;
  }
  const std::optional<mail::Mailbox> sender = draft.sender_in(evidence);
  const std::vector<mail::Mailbox> recipients = draft.new_recipients;
  for (const mail::Mailbox& one : recipients) {
    const bool taken =
        std::any_of(evidence.recipients.begin(), evidence.recipients.end(),
                    [&](const policy::Recipient& other) { return other.address == one; });
    if (taken) continue;
    const json::value ours =
        remembered(evidence, [&] { return json::value(context.gatherer.is_ours(one)); });
    if (ours == true) continue;
    RelayAnswer answer;
    Verdict verdict = co_await ask_relay(policy, context, Stage::message, sender, lower(one.domain),
                                         steps, answer);
    if (verdict.refuses()) co_return verdict;
    if (!answer.why.empty()) continue;
    verdict = not_permitted(one.domain);
    note(steps, Stage::message, verdict);
    co_return verdict;
  }
  co_return policy::pass_on();
}

}  // namespace postern::dialect::kumo
