#include "serve/adapters.h"

#include <map>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "config/input_file.h"
#include "deliver/verdicts.h"
#include "dialect/webhook/controls.h"
#include "dialect/webhook/layer.h"
#include "policy/catalogue.h"
#include "policy/plan.h"
#include "policy/webhook.h"

namespace postern::app {

namespace json = boost::json;
using policy::Need;
using policy::Stage;

namespace {

/// The webhook to which the mail of a dry run is addressed.
std::shared_ptr<const policy::Webhook> stand_in(const policy::WebhookPolicy& policy) {
  auto webhook = std::make_shared<policy::Webhook>();
  webhook->id = "wh_00000000000000000000000000";
  webhook->account_id = policy.account_id;
  webhook->policy_id = policy.id;
  return webhook;
}

policy::Evidence evidence_of(const admin::DryRunRequest& request) {
  policy::Evidence evidence;
  evidence.session.client_ip = request.client_ip;
  evidence.session.helo = request.helo;
  evidence.session.esmtp = true;
  if (request.tls || request.auth_username) evidence.session.tls = policy::Tls{"TLSv1.3", ""};
  if (request.auth_username) {
    policy::Authentication identity{
        .username = *request.auth_username, .mechanism = "PLAIN", .granted = {}};
    if (const auto* credential = request.policy->credential(*request.auth_username)) {
      identity.granted.emplace(request.policy->id, credential->stamp);
    }
    evidence.session.auth = std::move(identity);
  }
  if (auto mailbox = mail::parse_mailbox(request.mail_from, mail::Utf8::allowed)) {
    evidence.reverse_path = *mailbox;
  }
  policy::Recipient recipient{.address = {.local_part = "dry-run", .domain = "example.net"},
                              .route = {}};
  recipient.route = {.kind = policy::Route::Kind::webhook,
                     .webhook = stand_in(*request.policy),
                     .policy = request.policy,
                     .tag = {}};
  evidence.candidate = std::move(recipient);
  if (request.message) evidence.message = policy::facts_of(*request.message);
  return evidence;
}

json::object reply_object(const smtp::Reply& reply) {
  return {{"code", reply.code}, {"enhanced", reply.enhanced.to_string()}, {"text", reply.text}};
}

/// The result of each control.
class Judgement {
 public:
  bool refused(std::string_view control) const {
    const auto found = entries_.find(control);
    return found != entries_.end() && found->second.refused;
  }

  void look(const policy::Rule& rule, const policy::Evidence& evidence) {
    policy::Verdict verdict = rule.check->judge(evidence, rule.argument);
    Entry& entry = entries_[rule.check->control];
    const bool temporary = verdict.kind == policy::Verdict::Kind::defer;
    entry.refused = verdict.refuses();
    entry.result = !entry.refused ? "pass" : temporary ? "temperror" : "fail";
    entry.say(verdict.detail);
    if (!entry.refused) return;
    auto& refusals = rule.check->stage == Stage::rcpt ? at_rcpt_ : at_end_of_data_;
    refusals.push_back(std::move(verdict));
  }

  /// The control needs a message, which is not given.
  void leave_open(const policy::Rule& rule) {
    Entry& entry = entries_[rule.check->control];
    entry.result = "not_evaluated";
    entry.say("no message given");
    open_ = true;
  }

  json::array checks() const {
    json::array list;
    for (const dialect::webhook::Control& control : dialect::webhook::controls()) {
      const auto found = entries_.find(control.name);
      const bool enabled = found != entries_.end();
      if (control.named && !enabled) continue;
      const Entry entry = enabled ? found->second : Entry();
      list.push_back(json::object{{"control", control.name},
                                  {"enabled", enabled},
                                  {"result", entry.result},
                                  {"detail", entry.detail}});
    }
    return list;
  }

  std::string_view stage() const { return at_rcpt_.empty() ? "data" : "rcpt"; }

  /// RCPT is answered by the first refusal; at end of data all controls are evaluated.
  smtp::Reply reply() const {
    if (!at_rcpt_.empty()) return at_rcpt_.front().reply;
    const policy::Verdict verdict = dialect::webhook::combine(at_end_of_data_);
    if (verdict.refuses()) return verdict.reply;
    return {.code = 250,
            .enhanced = {2, 0, 0},
            .text = open_ ? "would be accepted, if the message passes what is not evaluated"
                          : "would be accepted"};
  }

 private:
  struct Entry {
    bool refused = false;
    std::string_view result = "not_evaluated";
    std::string detail;

    void say(std::string_view more) {
      if (!detail.empty() && !more.empty()) detail += "; ";
      detail += more;
    }
  };

  std::map<std::string_view, Entry> entries_;
  std::vector<policy::Verdict> at_rcpt_;
  std::vector<policy::Verdict> at_end_of_data_;
  bool open_ = false;
};

/// Results that no rule needed. Not for a domain that the policy does not list.
Need unasked(const admin::DryRunRequest& request, const Judgement& judgement,
             const policy::Evidence& evidence) {
  const bool unlisted = judgement.refused("spf") && !evidence.spf;
  const Need spf = unlisted ? Need::none : Need::spf | Need::dmarc;
  return request.message ? spf | Need::dkim | Need::arc : policy::without(spf, Need::dmarc);
}

}  // namespace

Task<Result<json::object>> DryRunPort::decide(admin::DryRunRequest request) {
  // Bare LF as line ends becomes CRLF, as an MTA would send it (RFC 5321 §2.3.8); other messages
  // are not changed.
  if (request.message && request.message->find("\r\n") == std::string::npos) {
    request.message = with_crlf(*request.message);
  }
  policy::Evidence evidence = evidence_of(request);
  policy::MessageAuthentication authentication(options_, caches_, resolver_);
  if (request.message) {
    authentication.begin(&request.policy->dkim_domains);
    authentication.feed(*request.message);
  }
  Judgement judgement;
  for (const Stage stage : {Stage::rcpt, Stage::message}) {
    for (const policy::Rule& rule : request.policy->plan.at(stage)) {
      if (judgement.refused(rule.check->control)) continue;
      const Need needs = rule.check->needs;
      if (!request.message && policy::without(needs, Need::spf) != Need::none) {
        judgement.leave_open(rule);
        continue;
      }
      co_await authentication.gather(needs, evidence);
      judgement.look(rule, evidence);
    }
  }
  co_await authentication.report(unasked(request, judgement, evidence), evidence);

  const smtp::Reply reply = judgement.reply();
  json::object answer{{"decision", reply.positive()    ? "accept"
                                   : reply.temporary() ? "defer"
                                                       : "reject"},
                      {"stage", judgement.stage()},
                      {"reply", reply_object(reply)},
                      {"checks", judgement.checks()}};
  const json::value verdicts = deliver::auth_results(evidence);
  for (const auto& [name, value] : verdicts.as_object()) answer[name] = value;
  co_return answer;
}

}  // namespace postern::app
