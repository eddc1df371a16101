#include "deliver/delivery_report.h"

#include "deliver/verdicts.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::deliver {
namespace {

std::string reverse_path_text(const policy::Evidence& evidence) {
  return evidence.reverse_path ? evidence.reverse_path->text() : std::string();
}

/// The closed set of postern_webhook_responses.
std::string_view response_class(const DeliveryOutcome& outcome) {
  if (outcome.http_status) {
    switch (*outcome.http_status / 100) {
      case 2:
        return "2xx";
      case 3:
        return "3xx";
      case 4:
        return "4xx";
      case 5:
        return "5xx";
      default:
        return "error";
    }
  }
  switch (outcome.trouble) {
    case net::HttpTrouble::timeout:
      return "timeout";
    case net::HttpTrouble::unreachable:
      return "refused";
    case net::HttpTrouble::blocked:
      return "ssrf";
    default:
      return "error";
  }
}

std::string_view result_class(const smtp::Reply& reply) {
  return reply.positive() ? "ok" : reply.temporary() ? "retry" : "refused";
}

}  // namespace

store::LogRecord log_record(const DeliveryFacts& facts, const DeliveryOutcome& outcome) {
  const policy::Evidence& evidence = facts.evidence;
  store::LogRecord record;
  record.id = outcome.log_id;
  record.webhook_id = facts.webhook.id;
  record.account = facts.webhook.account_id;
  record.created_at = facts.attempt > 1 ? std::chrono::system_clock::now() : facts.received_at;
  record.kind = facts.simulated                  ? store::LogKind::simulation
                : outcome.failed_control.empty() ? store::LogKind::delivery
                                                 : store::LogKind::rejection;
  record.attempt = record.kind == store::LogKind::rejection ? 0 : facts.attempt;
  record.next_attempt_at = facts.next_attempt;
  if (!facts.trace_id.empty()) record.trace_id = facts.trace_id;
  if (!facts.message_id.empty()) record.message_id = facts.message_id;
  record.sender = reverse_path_text(evidence);
  for (const policy::Recipient& recipient : evidence.recipients)
    record.recipients.push_back(recipient.address.text());
  record.size = facts.size;
  record.http_status = outcome.http_status;
  record.duration_ms = static_cast<std::uint64_t>(outcome.duration.count());
  record.error = outcome.error;
  record.override = outcome.override;
  if (!outcome.failed_control.empty()) record.failed_control = outcome.failed_control;
  if (facts.simulated) return record;

  record.client_ip = evidence.session.client_ip.to_string();
  record.helo = evidence.session.helo;
  if (evidence.session.tls) record.tls = evidence.session.tls->version;
  if (evidence.session.auth) record.auth_username = evidence.session.auth->username;
  record.smtp_code = outcome.reply.code;
  record.smtp_text = outcome.reply.enhanced.to_string() + " " + outcome.reply.text;
  if (const policy::Recipient* subject = evidence.subject(); subject && subject->route.policy) {
    record.policy_id = subject->route.policy->id;
    record.policy_version = subject->route.policy->version;
  }
  log_verdicts(evidence, record);
  return record;
}

void report(const DeliveryFacts& facts, const DeliveryOutcome& outcome) {
  const std::string_view route = facts.webhook.target_url == "inbox" ? "inbox" : "webhook";
  telemetry::Metrics& metrics = telemetry::metrics();
  metrics.delivery_attempts.counter({route, result_class(outcome.reply)}).add();
  metrics.delivery_duration.histogram({route}).observe(outcome.duration);
  if (route == "webhook" && outcome.failed_control.empty())
    metrics.webhook_responses.counter({response_class(outcome)}).add();
  if (outcome.reply.positive()) return;
  auto line = telemetry::log::warning("delivery.failed");
  if (!line) return;
  line.field("session", facts.evidence.session.id)
      .field("webhook", facts.webhook.id)
      .field("message_id", outcome.message_id)
      .field("code", outcome.reply.code)
      .field("enhanced_code", outcome.reply.enhanced.to_string())
      .field("duration_ms", outcome.duration);
  if (!facts.trace_id.empty()) line.field("trace", facts.trace_id);
  if (outcome.http_status) line.field("status", *outcome.http_status);
  if (outcome.error) line.field("error", *outcome.error);
  if (!outcome.failed_control.empty()) line.field("rule", outcome.failed_control);
}

}  // namespace postern::deliver
