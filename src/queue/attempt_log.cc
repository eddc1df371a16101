#include "queue/attempt_log.h"

#include <fmt/format.h>

#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::queue {
namespace {

namespace log = telemetry::log;
using smtp::ResultClass;
using spool::RouteKind;

std::string_view word_of_result(const smtp::RecipientResult& result) {
  if (result.klass == ResultClass::delivered) return "ok";
  return result.klass == ResultClass::permanent ? "refused" : "retry";
}

telemetry::Line line_for(spool::AttemptOutcome outcome) {
  if (outcome == spool::AttemptOutcome::delivered) return log::info("delivery.sent");
  if (outcome == spool::AttemptOutcome::retry) return log::info("delivery.deferred");
  return log::info("delivery.bounced");
}

}  // namespace

std::string_view word_of(RouteKind kind) {
  switch (kind) {
    case RouteKind::webhook:
      return "webhook";
    case RouteKind::relay:
      return "relay";
    case RouteKind::local:
      return "local";
  }
  return "other";
}

std::string text_of(const smtp::RecipientResult& result) {
  std::string text = result.code != 0 ? fmt::format("{} ", result.code) : std::string();
  // A host's reply begins with its enhanced code, if it has one.
  const std::string enhanced = result.enhanced.to_string();
  if (result.text == enhanced || result.text.starts_with(enhanced + " ")) return text + result.text;
  text += enhanced;
  if (!result.text.empty()) text += " " + result.text;
  return text;
}

void note_attempt(const DeliveryTask& task, const Carried& carried,
                  const std::vector<spool::Settlement>& settlements,
                  std::chrono::steady_clock::duration took) {
  const std::string_view route = word_of(task.destination.kind);
  telemetry::Metrics& metrics = telemetry::metrics();
  if (task.destination.kind == RouteKind::webhook) {
    for (const spool::Settlement& settlement : settlements) {
      if (settlement.outcome == spool::AttemptOutcome::dead) {
        metrics.delivery_dead_letters.counter({route}).add();
      }
    }
    return;
  }
  metrics.delivery_duration.histogram({route}).observe(
      std::chrono::duration_cast<std::chrono::milliseconds>(took));
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    const smtp::RecipientResult& result = carried.results[i];
    metrics.delivery_attempts.counter({route, word_of_result(result)}).add();
    telemetry::Line line = line_for(settlements[i].outcome);
    if (!line) continue;
    line.field("message_id", task.message.id)
        .field("trace", task.message.envelope.trace_id)
        .field("mail_from", task.message.envelope.reverse_path)
        .field("rcpt_to", task.message.envelope.recipients[task.recipients[i]].address)
        .field("route", task.destination.key)
        .field("remote", carried.remotes[i])
        .field("attempt", settlements[i].attempt)
        .field("code", result.code)
        .field("enhanced_code", result.enhanced.to_string())
        .field("reply", result.text);
  }
}

}  // namespace postern::queue
