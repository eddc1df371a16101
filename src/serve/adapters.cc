#include "serve/adapters.h"

#include <algorithm>

#include "base/ulid.h"
#include "deliver/verdicts.h"
#include "policy/catalogue.h"
#include "policy/layer.h"
#include "policy/webhook.h"
#include "serve/trace_metrics.h"
#include "telemetry/metrics.h"

namespace postern::app {

double WebhookRates::tokens(const policy::Webhook& webhook) {
  if (shared_ != nullptr && shared_->used_up(deliver::rate_of(webhook), webhook.id)) return 0;
  return limiter_.tokens(webhook.id, webhook.rate_limit_per_minute);
}

void Recorder::log_refusal(const policy::Trace& trace, const policy::Decision& decision) {
  const policy::Evidence& evidence = trace.evidence;
  const policy::Recipient* subject = decision.candidate ? &*decision.candidate : evidence.subject();
  // Without a webhook there is no delivery log to write to.
  if (subject == nullptr || !subject->route.webhook) return;
  const policy::Step* step = policy::refusing_step(decision);
  const std::string_view control = step ? policy::checks::control_of(step->check) : "";

  store::LogRecord record{.id = new_id("log_"),
                          .webhook_id = subject->route.webhook->id,
                          .account = subject->route.webhook->account_id};
  record.created_at = store::now();
  record.kind = store::LogKind::rejection;
  if (evidence.message) record.message_id = evidence.message->message_id;
  record.sender = evidence.reverse_path ? evidence.reverse_path->text() : "";
  if (decision.candidate) {
    record.recipients = {decision.candidate->address.text()};
  } else {
    for (const policy::Recipient& one : evidence.recipients) {
      record.recipients.push_back(one.address.text());
    }
  }
  record.client_ip = evidence.session.client_ip.to_string();
  record.helo = evidence.session.helo;
  if (evidence.session.tls) record.tls = evidence.session.tls->version;
  if (evidence.session.auth) record.auth_username = evidence.session.auth->username;
  if (evidence.message) record.size = evidence.message->size;
  record.smtp_code = decision.reply.code;
  record.smtp_text = decision.reply.enhanced.to_string() + " " + decision.reply.shown();
  if (subject->route.policy) {
    record.policy_id = subject->route.policy->id;
    record.policy_version = subject->route.policy->version;
  }
  if (!control.empty()) record.failed_control = std::string(control);
  if (decision.stage == policy::Stage::message) deliver::log_verdicts(evidence, record);
  record.trace_id = trace.id;
  if (control == "source_ip") {
    log_.append_source_ip_refusal(std::move(record));
  } else {
    log_.append(std::move(record));
  }
}

void Recorder::ended(policy::Trace trace) {
  // One row for each webhook of a transaction: a client that repeats a refused RCPT cannot fill the
  // log.
  std::vector<const policy::Webhook*> logged;
  for (const policy::Decision& decision : trace.decisions) {
    // Refused credentials concern no webhook: the message may have been accepted without them.
    const bool of_credentials = decision.stage == policy::Stage::auth && !decision.engine;
    if (!policy::refused(decision) || of_credentials) continue;
    const policy::Recipient* subject =
        decision.candidate ? &*decision.candidate : trace.evidence.subject();
    const policy::Webhook* webhook = subject ? subject->route.webhook.get() : nullptr;
    if (std::find(logged.begin(), logged.end(), webhook) != logged.end()) continue;
    logged.push_back(webhook);
    log_refusal(trace, decision);
  }
  count_decisions(trace);
  std::shared_ptr<const store::TraceRow> row;
  if (watchers_ != nullptr) {
    row = std::make_shared<const store::TraceRow>(store::row_of(trace));
    watchers_->publish(row);
  }
  if (watch_ != nullptr) watch_->ended(trace);
  const std::string outcome = trace.outcome;
  if (traces_.post(std::move(trace), std::move(row))) {
    telemetry::metrics().trace_records.counter({outcome}).add();
  } else {
    telemetry::metrics().trace_dropped.counter({"full"}).add();
  }
}

}  // namespace postern::app
