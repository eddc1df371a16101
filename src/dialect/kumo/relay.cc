#include "dialect/kumo/relay.h"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "base/strangers.h"
#include "base/text.h"
#include "dialect/kumo/hook.h"
#include "dialect/kumo/replies.h"
#include "dialect/kumo/session.h"
#include "dialect/script_record.h"

namespace postern::dialect::kumo {

namespace {

using policy::Evidence;
using policy::Stage;
using policy::Step;
using policy::Verdict;

/// Recipients that `get_listener_domain` allowed at RCPT, in lower case.
struct Granted {
  std::set<std::string, std::less<>> addresses;
};

bool is_granted(const Evidence& evidence, const mail::Mailbox& address) {
  const auto* granted = evidence.kept.find<Granted>();
  return granted != nullptr && granted->addresses.contains(lower(address.text()));
}

/// A fact that is computed between hooks. It is recorded among their answers, with a mark; null if
/// the record lacks it.
json::value remembered(policy::Tape& tape, const std::function<json::value()>& fact) {
  if (tape.playing) {
    if (!tape.answers.starts_with('=')) return nullptr;
    return json::parse(take_line(tape.answers).substr(1));
  }
  json::value value = fact();
  tape.record += "=" + json::serialize(value) + "\n";
  return value;
}

Task<Verdict> ask_about_domain(const LuaPolicy& policy, Context& context, Stage stage,
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

Verdict not_permitted(std::string_view domain, std::vector<Step>& steps) {
  Verdict verdict = replies::relay_denied(domain);
  note(steps, Stage::message, verdict);
  return verdict;
}

/// The report-type of a multipart/report (RFC 6522 §3), in lower case; "" for other messages.
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

/// What happens to a message with this report-type for a domain that accepts only reports: "keep",
/// "drop" or "refuse".
std::string_view fate_of(const RelayAnswer& answer, std::string_view type) {
  Reports wanted = Reports::ignore;
  if (type == "feedback-report") wanted = answer.arf;  // RFC 5965 §2
  if (type == "delivery-status") wanted = answer.oob;  // RFC 3464 §2
  if (wanted == Reports::ignore) return "refuse";
  return wanted == Reports::log_then_drop ? "drop" : "keep";
}

/// The domains to ask about at the end of the message, each once: those of recipients that the
/// handler allowed at RCPT, and those of recipients that hooks added and that are not local.
json::value open_questions(const Context& context, const MessageDraft& draft) {
  const Evidence& evidence = context.evidence;
  json::array granted;
  json::array added;
  const auto ask = [](json::array& domains, const mail::Mailbox& one) {
    const json::value domain(lower(one.domain));
    if (std::find(domains.begin(), domains.end(), domain) == domains.end()) {
      domains.push_back(domain);
    }
  };
  if (draft.new_recipients == draft.before.forward_paths) {
    for (const std::size_t index : draft.recipients) {
      const mail::Mailbox& one = evidence.recipients.at(index).address;
      if (is_granted(evidence, one)) ask(granted, one);
    }
    return json::object{{"granted", granted}, {"added", added}};
  }
  for (const mail::Mailbox& one : draft.new_recipients) {
    const bool named = std::any_of(evidence.recipients.begin(), evidence.recipients.end(),
                                   [&](const auto& other) { return other.address == one; });
    if (named) {
      if (is_granted(evidence, one)) ask(granted, one);
    } else if (!context.inquiry.is_ours(one)) {
      ask(added, one);
    }
  }
  return json::object{{"granted", granted}, {"added", added}};
}

std::vector<std::string> domains_in(const json::value& questions, std::string_view which) {
  std::vector<std::string> domains;
  const json::object* all = questions.if_object();
  const json::value* list = all != nullptr ? all->if_contains(which) : nullptr;
  if (list == nullptr || !list->is_array()) return domains;
  for (const json::value& one : list->get_array()) domains.emplace_back(one.as_string());
  return domains;
}

/// Logs a bounce or complaint, without its text.
void log_report(const LuaPolicy& policy, const Context& context, const MessageDraft& draft) {
  for (const std::size_t index : draft.recipients) {
    policy.world().log("info", policy.place_of(events::listener_domain),
                       "a report for " + context.evidence.recipients.at(index).address.text() +
                           " is logged and dropped");
  }
}

}  // namespace

Task<Verdict> ask_relay(const LuaPolicy& policy, Context& context, Stage stage,
                        const std::optional<mail::Mailbox>& sender, std::string domain,
                        std::vector<Step>& steps, RelayAnswer& answer) {
  namespace questions = policy::questions;
  if (context.listener != nullptr) {
    const auto client = questions::client_in(context.evidence, context.listener->relay_hosts);
    answer.by_network = client.yes;
    if (client) answer.why = client.words("relay_hosts");
    if (client) co_return policy::pass_on();
  }
  if (!policy.handles(events::listener_domain)) {
    const auto& domains = policy.options().relay_to;
    if (std::find(domains.begin(), domains.end(), domain) != domains.end()) {
      answer.why = domain + " is in relay_to";
      answer.by = policy::Grant::domain;
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
  const auto client = questions::client_in(context.evidence, of_sender.relay_from);
  if (client) {
    // The client chooses the sender's domain, so these networks must not hold unknown clients.
    if (!policy.options().open_relay_is_known && stranger_in(of_sender.relay_from)) {
      Verdict open = replies::trouble(stage, questions::Trouble::configuration,
                                      "relay_from of the sender's domain holds strangers: an open "
                                      "relay");
      note(steps, stage, open);
      co_return open;
    }
    answer.why = of_sender.relay_from_authz.empty()
                     ? client.words("relay_from of the sender's domain")
                     : fmt::format("{} is in relay_from_authz of the sender's domain",
                                   printable(of_sender.relay_from_authz, 100));
  } else if (of_recipient.relay_to) {
    answer.why = "relay_to of " + domain;
    answer.by = policy::Grant::domain;
  }
  answer.oob = of_recipient.log_oob;
  answer.arf = of_recipient.log_arf;
  co_return policy::pass_on();
}

Task<Verdict> give_route(const LuaPolicy& policy, Context& context, std::vector<Step>& steps,
                         std::vector<policy::Effect>& effects) {
  const Evidence& evidence = context.evidence;
  const std::string domain = lower(evidence.candidate->address.domain);
  RelayAnswer answer;
  Verdict verdict = co_await ask_relay(policy, context, Stage::rcpt, evidence.reverse_path, domain,
                                       steps, answer);
  if (verdict.refuses()) co_return verdict;
  const bool by_handler = policy.handles(events::listener_domain);
  if (answer.why.empty() && answer.takes_reports()) {
    answer.why = "reports for " + domain + " are taken";
    answer.by = policy::Grant::domain;
  }
  const auto effect = [&](decltype(policy::Effect::what) what) {
    effects.push_back({.what = std::move(what),
                       .why = answer.why,
                       .check = "relay",
                       .place = answer.by_network || !by_handler
                                    ? std::string()
                                    : policy.place_of(events::listener_domain)});
  };
  if (answer.by_network) effect(policy::TrustClient{});
  if (!answer.why.empty()) effect(policy::GrantRelay{answer.by});
  if (!answer.why.empty() && !answer.by_network && by_handler) {
    context.inquiry.memory().of<Granted>().addresses.insert(
        lower(evidence.candidate->address.text()));
  }
  note(steps, Stage::rcpt,
       policy::pass_on(answer.why.empty() ? "nothing lets this client relay"
                                          : std::move(answer.why)));
  co_return policy::pass_on();
}

bool may_open_relay(const LuaPolicy& policy, const MessageDraft& draft) {
  return draft.new_recipients != draft.before.forward_paths ||
         policy.handles(events::listener_domain);
}

Task<Verdict> keep_relay_closed(const LuaPolicy& policy, Context& context, MessageDraft& draft,
                                std::vector<Step>& steps) {
  const Evidence& evidence = context.evidence;
  policy::Tape& tape = context.inquiry.tape;
  const json::value questions = remembered(tape, [&] { return open_questions(context, draft); });
  json::value type;
  bool drop = false;
  for (const std::string& domain : domains_in(questions, "granted")) {
    // Asks with the sender of MAIL, as at RCPT, even if a hook has changed the sender.
    RelayAnswer answer;
    Verdict verdict = co_await ask_relay(policy, context, Stage::message, evidence.reverse_path,
                                         domain, steps, answer);
    if (verdict.refuses()) co_return verdict;
    if (!answer.why.empty()) continue;
    if (answer.takes_reports() && type.is_null()) {
      type = remembered(tape, [&] {
        read_header(context, draft);
        return json::value(report_type(draft));
      });
    }
    const std::string_view fate =
        fate_of(answer, type.is_string() ? std::string_view(type.get_string()) : "");
    if (fate == "refuse") co_return not_permitted(domain, steps);
    drop = drop || fate == "drop";
  }
  const std::optional<mail::Mailbox> sender = draft.sender_in(evidence);
  for (const std::string& domain : domains_in(questions, "added")) {
    RelayAnswer answer;
    Verdict verdict =
        co_await ask_relay(policy, context, Stage::message, sender, domain, steps, answer);
    if (verdict.refuses()) co_return verdict;
    if (answer.why.empty()) co_return not_permitted(domain, steps);
  }
  if (drop) {
    draft.before.to_nobody = true;
    if (!tape.playing) log_report(policy, context, draft);
  }
  co_return policy::pass_on();
}

}  // namespace postern::dialect::kumo
