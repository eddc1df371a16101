#include <algorithm>

#include "base/text.h"
#include "policy/deferral.h"
#include "policy/layer.h"
#include "policy/trace.h"
#include "policy/webhook.h"
#include "store/traces.h"

namespace postern::store {

namespace {

/// The recipient a trace is about: the first accepted one, else the last refused one.
const policy::Recipient* subject_of(const policy::Trace& trace) {
  if (!trace.evidence.recipients.empty()) return &trace.evidence.recipients.front();
  for (auto one = trace.decisions.rbegin(); one != trace.decisions.rend(); ++one) {
    if (one->candidate) return &*one->candidate;
  }
  return nullptr;
}

/// Limit of texts in lists; the record has the whole text.
constexpr std::size_t longest_text = 300;

std::string shown_text(std::string_view text) {
  std::string out = is_utf8(text) ? std::string(text) : printable(text);
  if (out.size() <= longest_text) return out;
  std::size_t end = longest_text;
  while (end > 0 && (out[end] & 0xc0) == 0x80) --end;
  out.resize(end);
  return out + "…";
}

/// Whether the decision concerns a recipient of another account or of none: this account's list
/// must not show it.
bool is_foreign(const policy::Decision& decision, const TraceRow& row) {
  if (!row.account_id || !decision.candidate) return false;
  const policy::Webhook* webhook = decision.candidate->route.webhook.get();
  return webhook == nullptr || webhook->account_id != *row.account_id;
}

void tell_reason(const policy::Trace& trace, TraceRow& row) {
  const policy::Decision* settling = trace.settling();
  const policy::Step* step = settling ? policy::refusing_step(*settling) : nullptr;
  if (step != nullptr) {
    row.layer = step->layer;
    const auto raised = policy::raised_by(step->verdict);
    row.rule = raised ? raised->check : step->check;
    row.origin = shown_text(raised ? raised->origin : step->origin);
    row.reason = shown_text(step->verdict.detail);
  } else if (settling != nullptr) {
    row.layer = "gateway";  // the SMTP dialogue itself: a wrong password, a limit
    row.reason = shown_text(settling->reply.shown());
  } else if (trace.reply.code != 0 && !trace.reply.positive()) {
    // The policies had no objection; delivery refused, for example the webhook's endpoint.
    row.layer = "delivery";
    row.rule = "delivery";
    row.reason = shown_text(trace.reply.shown());
  }
}

}  // namespace

TraceRow row_of(const policy::Trace& trace) {
  const policy::Recipient* subject = subject_of(trace);
  const policy::Webhook* webhook = subject ? subject->route.webhook.get() : nullptr;
  const auto& from = trace.evidence.reverse_path;
  TraceRow row{.id = trace.id,
               .time = from_millis(to_millis(trace.started)),
               .outcome = trace.outcome,
               .client_ip = trace.evidence.session.client_ip.to_string(),
               .mail_from = from ? from->text() : std::string(),
               .rcpt = subject ? subject->address.text() : std::string()};
  if (webhook != nullptr) {
    row.webhook_id = webhook->id;
    row.account_id = webhook->account_id;
  }
  for (const policy::Decision& decision : trace.decisions) {
    for (const policy::Step& step : decision.steps) {
      row.shadow = row.shadow || (!step.enforced && step.verdict.refuses());
    }
  }
  const policy::Decision* settling = trace.settling();
  if (settling != nullptr && is_foreign(*settling, row)) return row;
  const smtp::Reply settled = trace.settled();
  row.code = settled.code;
  row.enhanced = settled.enhanced.present() ? settled.enhanced.to_string() : "";
  row.reply = shown_text(settled.text);
  if (row.outcome != "accepted") tell_reason(trace, row);
  return row;
}

std::string trace_columns() {
  return "SELECT id, time, outcome, client_ip, mail_from, rcpt, webhook_id, account_id, code,"
         " enhanced, reply, layer, rule, origin, reason, shadow, seq FROM summary WHERE ";
}

TraceRow trace_row(const Row& row) {
  return {.id = row.text(0),
          .time = row.time(1),
          .outcome = row.text(2),
          .client_ip = row.text(3),
          .mail_from = row.text(4),
          .rcpt = row.text(5),
          .webhook_id = row.optional_text(6),
          .account_id = row.optional_text(7),
          .code = static_cast<int>(row.integer(8)),
          .enhanced = row.text(9),
          .reply = row.text(10),
          .layer = row.text(11),
          .rule = row.text(12),
          .origin = row.text(13),
          .reason = row.text(14),
          .shadow = row.boolean(15),
          .number = static_cast<std::uint64_t>(row.integer(16))};
}

}  // namespace postern::store
