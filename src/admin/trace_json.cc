#include "admin/trace_json.h"

#include "admin/json_value.h"
#include "admin/reason_words.h"
#include "admin/time_text.h"

namespace postern::admin {

namespace json = boost::json;

json::object summary_json(const store::TraceRow& row) {
  json::object out{{"id", row.id},
                   {"time", to_rfc3339(row.time)},
                   {"outcome", row.outcome},
                   {"client_ip", row.client_ip},
                   {"mail_from", row.mail_from},
                   {"rcpt_to", row.rcpt},
                   {"webhook_id", or_null(row.webhook_id)},
                   {"webhook_name", nullptr},
                   {"code", row.code != 0 ? json::value(row.code) : nullptr},
                   {"enhanced", text_or_null(row.enhanced)},
                   {"reply", text_or_null(row.reply)},
                   {"reason", nullptr},
                   {"shadow", row.shadow}};
  if (!row.rule.empty()) {
    out["reason"] = {{"layer", row.layer},
                     {"rule", row.rule},
                     {"origin", row.origin},
                     {"words", reason_words(row.layer, row.rule, row.enhanced)},
                     {"text", row.reason.empty() ? row.reply : row.reason}};
  }
  return out;
}

}  // namespace postern::admin
