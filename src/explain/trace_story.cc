#include "explain/trace_story.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/time_text.h"
#include "explain/script.h"
#include "explain/trace_hints.h"
#include "policy/deferral.h"
#include "policy/layer.h"
#include "policy/webhook.h"
#include "telemetry/log_record.h"

namespace postern::app {

namespace json = boost::json;
using policy::Decision;
using policy::Evidence;
using policy::Stage;
using policy::Step;
using policy::Trace;

namespace {

/// The stages of the page; all stages after DATA are one.
constexpr std::array<std::string_view, 7> stages = {"connect", "helo",    "auth",    "mail",
                                                    "rcpt",    "message", "delivery"};
enum : std::size_t { connect_at, helo_at, auth_at, mail_at, rcpt_at, message_at, delivery_at };

std::size_t place_of(Stage stage) {
  switch (stage) {
    case Stage::connect:
      return connect_at;
    case Stage::helo:
      return helo_at;
    case Stage::auth:
      return auth_at;
    case Stage::mail:
      return mail_at;
    case Stage::rcpt:
      return rcpt_at;
    case Stage::data:
    case Stage::message:
      return message_at;
    case Stage::queued:
    case Stage::delivery:
      break;
  }
  return delivery_at;
}

class Story {
 public:
  Story(const Explanation& explanation, const std::optional<std::string>& account)
      : trace_(explanation.trace),
        evidence_(trace_.evidence),
        explanation_(explanation),
        account_(account),
        settled_(trace_.settled()) {
    find_decider();
    find_reach();
  }
  json::object tell() const;

 private:
  void find_decider();
  void find_reach();
  /// Whether it is about a recipient of another account or of none: the operators' business.
  bool is_foreign(const Decision& decision) const;
  const policy::Recipient* subject_of(const Decision& decision) const;
  std::string_view state_of(std::size_t place) const;
  std::string summary_of(std::size_t place) const;
  json::value code_of(std::size_t place) const;
  json::object stage_json(std::size_t place) const;
  json::object decision_json(const Decision& decision) const;
  json::array layers_json(const Decision& decision) const;
  json::value decided_by() const;
  json::array recipients() const;
  void hide_grants(json::object& client) const;

  const Trace& trace_;
  const Evidence& evidence_;
  const Explanation& explanation_;
  const std::optional<std::string>& account_;
  smtp::Reply settled_;                ///< code 0: none, or about another account
  const Decision* refusal_ = nullptr;  ///< the decision that settled it
  const Step* decider_ = nullptr;
  std::size_t reached_ = connect_at;
};

void Story::find_decider() {
  if (trace_.outcome == "accepted") return;
  refusal_ = trace_.settling();
  if (refusal_ != nullptr && is_foreign(*refusal_)) {
    refusal_ = nullptr;  // the client left, and its last reply concerns another account
    settled_ = {.code = 0, .enhanced = {}, .text = {}};
  }
  if (refusal_ != nullptr) decider_ = policy::refusing_step(*refusal_);
}

void Story::find_reach() {
  if (!evidence_.session.helo.empty()) reached_ = helo_at;
  if (evidence_.session.auth) reached_ = auth_at;
  if (evidence_.reverse_path) reached_ = mail_at;
  for (const Decision& decision : trace_.decisions)
    reached_ = std::max(reached_, place_of(decision.stage));
  if (!evidence_.recipients.empty()) reached_ = std::max<std::size_t>(reached_, rcpt_at);
  if (evidence_.message || trace_.reply.code != 0)
    reached_ = std::max<std::size_t>(reached_, message_at);
  if (trace_.outcome == "accepted") reached_ = delivery_at;
  // No layer refused, but the message was not accepted: the reply of the endpoint or the queue.
  if (refusal_ == nullptr && trace_.reply.code != 0) reached_ = delivery_at;
}

const policy::Recipient* Story::subject_of(const Decision& decision) const {
  if (decision.candidate) return &*decision.candidate;
  if (place_of(decision.stage) > rcpt_at && !evidence_.recipients.empty())
    return &evidence_.recipients.front();
  return nullptr;
}

bool Story::is_foreign(const Decision& decision) const {
  const policy::Recipient* subject = account_ ? subject_of(decision) : nullptr;
  return subject != nullptr &&
         (!subject->route.webhook || subject->route.webhook->account_id != *account_);
}

std::string_view Story::state_of(std::size_t place) const {
  if (place > reached_) return "not_reached";
  if (place == auth_at && !evidence_.session.auth) {
    const bool tried = std::any_of(trace_.decisions.begin(), trace_.decisions.end(),
                                   [](const Decision& d) { return d.stage == Stage::auth; });
    if (!tried) return "skipped";
  }
  const bool stops = refusal_ != nullptr ? place_of(refusal_->stage) == place
                                         : place == delivery_at && trace_.reply.code >= 400;
  if (!stops) return "passed";
  return settled_.code >= 500 ? "refused" : "deferred";
}

json::value Story::code_of(std::size_t place) const {
  const std::string_view state = state_of(place);
  if (state == "refused" || state == "deferred") return settled_.code;
  if (state != "passed") return nullptr;
  if (place == connect_at) return 220;
  if (place == auth_at) return 235;
  if (place == delivery_at)
    return trace_.reply.code != 0 ? json::value(trace_.reply.code) : json::value(nullptr);
  return 250;
}

std::string Story::summary_of(std::size_t place) const {
  const policy::SessionFacts& session = evidence_.session;
  if (place > reached_) return "";
  switch (place) {
    case connect_at:
      return "from " + session.client_ip.to_string();
    case helo_at:
      return fmt::format(
          "{} {}{}", session.esmtp ? "EHLO" : "HELO", shown(session.helo),
          session.tls ? ", then STARTTLS (" + session.tls->version + ")" : ", no TLS");
    case auth_at:
      return session.auth ? fmt::format("signed in as {} ({})", shown(session.auth->username),
                                        session.auth->mechanism)
                          : "the client did not sign in";
    case mail_at:
      return evidence_.reverse_path ? shown(evidence_.reverse_path->text())
                                    : "<>, the null reverse-path";
    case rcpt_at: {
      std::size_t asked = trace_.omitted;
      std::string last;
      for (const Decision& one : trace_.decisions) {
        if (one.stage != Stage::rcpt) continue;
        ++asked;
        last = is_foreign(one) ? "" : one.recipient;
      }
      if (asked <= 1) return shown(last);
      return fmt::format("{} of {} recipients accepted",
                         evidence_.recipients.size() + trace_.omitted, asked);
    }
    case message_at:
      return evidence_.message ? fmt::format("{} octets, {} header fields", evidence_.message->size,
                                             evidence_.message->header_fields)
                               : "";
    default:
      break;
  }
  return trace_.reply.code != 0 ? shown(trace_.reply.to_string()) : trace_.outcome;
}

/// The most severe of several verdicts.
std::string_view strongest(const json::array& steps) {
  constexpr std::array<std::string_view, 4> order = {"reject", "defer", "quarantine", "permit"};
  for (const std::string_view word : order) {
    for (const json::value& one : steps) {
      if (one.at("verdict").as_string() == word) return word;
    }
  }
  return "pass_on";
}

json::array Story::layers_json(const Decision& decision) const {
  json::array layers;
  const policy::Recipient* subject = subject_of(decision);
  for (const Step& step : decision.steps) {
    const std::string_view mode = step.enforced ? "enforce" : "shadow";
    const bool same = !layers.empty() && layers.back().at("layer").as_string() == step.layer &&
                      layers.back().at("mode").as_string() == mode;
    if (!same) {
      json::value name = nullptr;
      if (step.layer == "webhook" && subject != nullptr && subject->route.policy)
        name = shown(subject->route.policy->name);
      layers.push_back(json::object{{"layer", step.layer},
                                    {"name", std::move(name)},
                                    {"mode", mode},
                                    {"verdict", ""},
                                    {"steps", json::array()}});
    }
    json::array& steps = layers.back().as_object().at("steps").as_array();
    steps.push_back(json::object{
        {"rule", step.check},
        {"origin", shown(step.origin)},
        {"place", place_json(explanation_, step.origin)},
        {"verdict", policy::to_string(step.verdict.kind)},
        {"text", step.verdict.refuses() ? shown(step.verdict.reply.to_string()) : ""},
        {"evidence", shown(evidence_of(step))},
        {"key", step.key.empty() ? json::value(nullptr) : json::value(shown(step.key))},
        {"spent", step.spent.empty() ? json::value(nullptr) : json::value(step.spent)},
        {"enforced", step.enforced}});
  }
  for (json::value& layer : layers)
    layer.as_object()["verdict"] = strongest(layer.at("steps").as_array());
  return layers;
}

json::object Story::decision_json(const Decision& decision) const {
  if (is_foreign(decision))
    return {{"hidden", true}, {"layers", json::array()}, {"effects", json::array()}};
  json::object out{
      {"recipient",
       decision.stage == Stage::rcpt ? json::value(shown(decision.recipient)) : nullptr},
      {"took_ns", decision.took.count()},
      {"reply", nullptr},
      {"layers", layers_json(decision)},
      {"effects", effects_json(explanation_, decision)}};
  if (policy::refused(decision)) out["reply"] = reply_json(decision.reply);
  return out;
}

json::object Story::stage_json(std::size_t place) const {
  json::array decisions;
  std::int64_t took = 0;
  for (const Decision& decision : trace_.decisions) {
    if (place_of(decision.stage) != place) continue;
    took += decision.took.count();
    decisions.push_back(decision_json(decision));
  }
  return {
      {"stage", stages[place]}, {"state", state_of(place)}, {"summary", summary_of(place)},
      {"code", code_of(place)}, {"took_ns", took},          {"decisions", std::move(decisions)}};
}

json::value Story::decided_by() const {
  if (refusal_ == nullptr && trace_.reply.code >= 400) {
    return json::object{{"stage", "delivery"},
                        {"layer", "delivery"},
                        {"rule", "delivery"},
                        {"origin", ""},
                        {"text", shown(trace_.reply.text)}};
  }
  if (refusal_ == nullptr) return nullptr;
  if (decider_ == nullptr) {
    // Decided by the dialogue itself, as for a wrong password.
    return json::object{{"stage", stages[place_of(refusal_->stage)]},
                        {"layer", "gateway"},
                        {"rule", ""},
                        {"origin", ""},
                        {"text", shown(refusal_->reply.text)}};
  }
  json::object out{{"stage", stages[place_of(refusal_->stage)]},
                   {"layer", decider_->layer},
                   {"rule", decider_->check},
                   {"origin", shown(decider_->origin)},
                   {"text", shown(evidence_of(*decider_))}};
  if (const auto raised = policy::raised_by(decider_->verdict)) {
    out["raised_by"] =
        json::object{{"rule", shown(raised->check)}, {"origin", shown(raised->origin)}};
  }
  const policy::Recipient* subject = subject_of(*refusal_);
  if (decider_->layer != "webhook" || subject == nullptr || !subject->route.policy) return out;
  out["policy_id"] = subject->route.policy->id;
  out["policy_name"] = shown(subject->route.policy->name);
  out["policy_version"] = subject->route.policy->version;
  const std::size_t slash = decider_->origin.rfind('/');
  out["field"] = slash == std::string::npos ? json::value(nullptr)
                                            : json::value(decider_->origin.substr(slash + 1));
  return out;
}

json::array Story::recipients() const {
  json::array out;
  for (const Decision& decision : trace_.decisions) {
    if (decision.stage != Stage::rcpt) continue;
    if (is_foreign(decision)) {
      out.push_back(json::object{{"hidden", true}});
      continue;
    }
    const policy::Recipient* subject = subject_of(decision);
    const policy::Webhook* webhook = subject != nullptr ? subject->route.webhook.get() : nullptr;
    out.push_back(
        json::object{{"address", shown(decision.recipient)},
                     {"accepted", !policy::refused(decision)},
                     {"webhook_id", webhook != nullptr ? json::value(webhook->id) : nullptr},
                     {"webhook_name", nullptr}});
  }
  return out;
}

/// Only their owners may know which policies a password opens.
void Story::hide_grants(json::object& client) const {
  if (!client.at("auth").is_object()) return;
  json::array kept;
  json::array& granted = client.at("auth").as_object().at("policies").as_array();
  for (const json::value& id : granted) {
    const bool own = std::any_of(evidence_.recipients.begin(), evidence_.recipients.end(),
                                 [&](const auto& recipient) {
                                   const policy::Route& route = recipient.route;
                                   return route.webhook && route.webhook->account_id == *account_ &&
                                          route.policy && route.policy->id == id.as_string();
                                 });
    if (own) kept.push_back(id);
  }
  granted = std::move(kept);
}

json::object Story::tell() const {
  json::object out{
      {"id", trace_.id},
      {"time", to_rfc3339(trace_.started, 6)},
      {"outcome", trace_.outcome},
      {"reply", settled_.code == 0 ? json::value(nullptr) : json::value(reply_json(settled_))},
      {"decided_by", decided_by()},
      {"client", client_json(evidence_.session)},
      {"mail_from", evidence_.reverse_path ? shown(evidence_.reverse_path->text()) : ""},
      {"recipients", recipients()},
      {"message", nullptr}};
  json::array hints;
  if (decider_ != nullptr) {
    for (std::string& hint : hints_for(*decider_, subject_of(*refusal_), evidence_))
      hints.emplace_back(std::move(hint));
  }
  out["would_pass_if"] = std::move(hints);
  if (evidence_.message) {
    out["message"] = message_json(*evidence_.message);
  }
  json::array ways;
  std::int64_t took = 0;
  for (std::size_t place = connect_at; place <= delivery_at; ++place) {
    ways.push_back(stage_json(place));
    took += ways.back().at("took_ns").to_number<std::int64_t>();
  }
  out["stages"] = std::move(ways);
  out["took_ns"] = took;
  out["dns_ns"] = nullptr;
  if (account_) hide_grants(out["client"].as_object());
  out["authentication"] = authentication_json(evidence_);
  out["dns"] = dns_answers_json(evidence_.dns);
  out["policy_answers"] = consulted_json(evidence_.consulted);
  out["again"] = rederived_json(explanation_.again);
  const bool others = std::any_of(trace_.decisions.begin(), trace_.decisions.end(),
                                  [&](const Decision& one) { return is_foreign(one); });
  // Differences name the rules of all recipients, queries the recipients.
  if (others) {
    out["again"].as_object()["differences"] = json::array();
    out["policy_answers"] = json::array();
  }
  // The session may have been admitted by an operator's policy.
  out["again"].as_object().erase("hangs_on_withheld");
  return out;
}

}  // namespace

json::object story_json(const Explanation& explanation, const std::optional<std::string>& account) {
  return Story(explanation, account).tell();
}

}  // namespace postern::app
