#include "app/adapters.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "deliver/verdicts.h"
#include "mail/header_scanner.h"
#include "policy/catalogue.h"
#include "policy/plan.h"
#include "policy/webhook.h"

namespace postern::app {

namespace json = boost::json;
using policy::Stage;

namespace {

/// The webhook that a dry run pretends the mail is for.
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
  if (request.message) {
    mail::HeaderScanner scanner;
    scanner.feed(*request.message);
    scanner.finish();
    evidence.message = policy::MessageFacts{.size = request.message->size(),
                                            .header_fields = scanner.fields(),
                                            .header_size = scanner.size(),
                                            .received_fields = scanner.received_fields(),
                                            .from_fields = scanner.from_fields(),
                                            .message_id = scanner.message_id()};
  }
  return evidence;
}

json::object reply_object(const smtp::Reply& reply) {
  return {{"code", reply.code}, {"enhanced", reply.enhanced.to_string()}, {"text", reply.text}};
}

struct Judgement {
  json::array checks;
  smtp::Reply refusal{.code = 0, .enhanced = {}, .text = {}};
  std::string_view stage = "data";

  void look(Stage at, const policy::Rule& rule, const policy::Evidence& evidence) {
    const policy::Verdict verdict = rule.check->judge(evidence, rule.argument);
    const std::string_view control = rule.check->control;
    checks.push_back(
        json::object{{"control", control.empty() ? rule.check->name : control},
                     {"enabled", true},
                     {"result", !verdict.refuses()                             ? "pass"
                                : verdict.kind == policy::Verdict::Kind::defer ? "tempfail"
                                                                               : "fail"},
                     {"detail", verdict.detail}});
    if (verdict.refuses() && refusal.code == 0) {
      refusal = verdict.reply;
      stage = at == Stage::rcpt ? "rcpt" : "data";
    }
  }
};

}  // namespace

Task<Result<json::object>> DryRunPort::decide(admin::DryRunRequest request) {
  const policy::Evidence evidence = evidence_of(request);
  Judgement judgement;
  for (const Stage stage : {Stage::rcpt, Stage::message}) {
    for (const policy::Rule& rule : request.policy->plan.at(stage)) {
      judgement.look(stage, rule, evidence);
    }
  }
  for (const std::string_view control : {"source_ip", "smtp_auth", "spf", "dkim"}) {
    const bool there =
        std::any_of(judgement.checks.begin(), judgement.checks.end(),
                    [control](const json::value& check) { return check.at("control").as_string() == control; });
    if (there) continue;
    judgement.checks.push_back(json::object{
        {"control", control}, {"enabled", false}, {"result", "skipped"}, {"detail", ""}});
  }
  const bool accepted = judgement.refusal.code == 0;
  const smtp::Reply reply =
      accepted ? smtp::Reply{.code = 250, .enhanced = {2, 0, 0}, .text = "would be accepted"}
               : judgement.refusal;
  json::object answer{{"decision", accepted            ? "accept"
                                   : reply.temporary() ? "defer"
                                                       : "reject"},
                      {"stage", judgement.stage},
                      {"reply", reply_object(reply)},
                      {"checks", std::move(judgement.checks)}};
  const json::value verdicts = deliver::auth_results(evidence);
  for (const auto& [name, value] : verdicts.as_object()) answer[name] = value;
  co_return answer;
}

}  // namespace postern::app
