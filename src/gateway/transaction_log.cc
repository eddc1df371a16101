// The log lines of a transaction.
#include <array>
#include <atomic>
#include <chrono>

#include "dialect/restrictions/remarks.h"
#include "gateway/transaction.h"
#include "policy/deferral.h"
#include "telemetry/log.h"

namespace postern::gateway {
namespace log = telemetry::log;

namespace {

std::string reverse_path_text(const policy::Evidence& evidence) {
  return evidence.reverse_path ? evidence.reverse_path->text() : std::string();
}

using dialect::restrictions::Remark;

/// Whether it is the first remark with this word within a minute. Any thread.
bool is_first_of_minute(std::size_t word) {
  using std::chrono::steady_clock;
  static std::array<std::atomic<std::int64_t>, dialect::restrictions::actions_not_carried.size()>
      next{};
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now().time_since_epoch())
          .count();
  std::int64_t due = next[word].load(std::memory_order_relaxed);
  return now >= due && next[word].compare_exchange_strong(due, now + 60'000);
}

/// What each line of a decision begins with.
void add_origin(telemetry::Line& line, const policy::Decision& decision,
                const policy::Evidence& evidence, const policy::Trace* trace) {
  line.field("session", evidence.session.id)
      .field("trace", trace != nullptr ? trace->id : std::string())
      .field("listener", evidence.session.listener)
      .field("client_ip", evidence.session.client_ip)
      .field("helo", evidence.session.helo)
      .field("mail_from", reverse_path_text(evidence))
      .field("stage", policy::to_string(decision.stage));
}

telemetry::Line line_of(const Remark& remark) {
  switch (remark.kind) {
    case Remark::Kind::reject_warning:
      return log::info("decision.reject_warning");
    case Remark::Kind::warn:
      return log::info("decision.warn");
    case Remark::Kind::not_carried:
      return log::warning("decision.not_carried");
    case Remark::Kind::server_failed:
      return log::warning("decision.server_failed");
    case Remark::Kind::info:
      break;
  }
  return log::info("decision.info");
}

}  // namespace

void Transaction::log_refusal(const policy::Decision& decision, const policy::Evidence& evidence,
                              const policy::Trace* trace) {
  auto line =
      decision.reply.temporary() ? log::info("decision.deferred") : log::info("decision.refused");
  if (!line) return;
  add_origin(line, decision, evidence, trace);
  line.field("code", decision.reply.code)
      .field("enhanced_code", decision.reply.enhanced.to_string())
      .field("reply", decision.reply.shown())
      .field("duration_ms", decision.took);
  if (!decision.recipient.empty()) line.field("rcpt_to", decision.recipient);
  if (evidence.session.auth) line.field("auth_id", evidence.session.auth->username);
  // Two controls of one policy may both refuse.
  std::string_view layer;
  std::string rules, origins, details;
  const auto join = [](std::string& list, std::string_view text) {
    if (!list.empty() && !text.empty()) list += "; ";
    list += text;
  };
  for (const policy::Step& step : decision.steps) {
    if (!step.verdict.refuses() || !step.enforced) continue;
    layer = step.layer;
    if (const auto raised = policy::raised_by(step.verdict)) {
      join(rules, raised->check);
      join(origins, raised->origin);
    }
    join(rules, step.check);
    join(origins, step.origin);
    join(details, step.verdict.detail);
  }
  if (layer.empty()) return;
  line.field("layer", layer).field("rule", rules);
  if (!origins.empty()) line.field("policy", origins);
  if (!details.empty()) line.field("error", details);
}

void Transaction::log_own_refusal(const smtp::Reply& reply) const {
  auto line = log::info("session.refused");
  if (!line) return;
  line.field("session", evidence_.session.id)
      .field("listener", evidence_.session.listener)
      .field("client_ip", evidence_.session.client_ip)
      .field("helo", evidence_.session.helo)
      .field("mail_from", reverse_path_text(evidence_))
      .field("code", reply.code)
      .field("enhanced_code", reply.enhanced.to_string())
      .field("reply", reply.shown());
}

void Transaction::log_remarks(const policy::Decision& decision, const policy::Evidence& evidence,
                              const policy::Trace* trace) {
  for (const policy::Step& step : decision.steps) {
    if (step.layer != "restrictions" || !step.enforced || step.verdict.decides()) continue;
    const auto remark = dialect::restrictions::remark_of(step.verdict.detail);
    if (!remark) continue;
    const bool not_carried = remark->kind == Remark::Kind::not_carried;
    if (not_carried && !is_first_of_minute(remark->word)) continue;
    auto line = line_of(*remark);
    if (!line) continue;
    add_origin(line, decision, evidence, trace);
    line.field("rule", step.check).field("policy", step.origin).field("error", remark->text);
    if (!decision.recipient.empty()) line.field("rcpt_to", decision.recipient);
    if (not_carried)
      line.msg(
          "an action is not supported: the rule has no effect; logged once a "
          "minute");
  }
}

void Transaction::log_end(const smtp::Reply& reply) {
  auto line = reply.positive()    ? log::info("message.accepted")
              : reply.temporary() ? log::info("decision.deferred")
                                  : log::info("decision.refused");
  if (!line) return;
  line.field("session", evidence_.session.id)
      .field("trace", trace_ ? trace_->id : std::string())
      .field("client_ip", evidence_.session.client_ip)
      .field("mail_from", reverse_path_text(evidence_))
      .field("rcpt_to", evidence_.recipients.front().address.text())
      .field("recipients", evidence_.recipients.size())
      .field("code", reply.code)
      .field("reply", reply.shown())
      .field("bytes", message_ ? message_->body.size() : 0);
  if (dkim_seen_ > 1) line.msg(replay_detail());
  if (const auto& webhook = evidence_.recipients.front().route.webhook) {
    line.field("webhook", webhook->id);
  }
}

}  // namespace postern::gateway
