#include "admin/trace_json.h"

#include <boost/json.hpp>

#include "admin/time_text.h"

namespace postern::admin {

namespace json = boost::json;

json::object summary_json(const store::TraceRow& row) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
  };
  json::object out{{"id", row.id},
                   {"time", to_rfc3339(row.time)},
                   {"outcome", row.outcome},
                   {"client_ip", row.client_ip},
                   {"mail_from", row.mail_from},
                   {"rcpt_to", row.rcpt},
                   {"webhook_id", row.webhook_id ? json::value(*row.webhook_id) : nullptr},
                   {"webhook_name", nullptr},
                   {"code", row.code != 0 ? json::value(row.code) : nullptr},
                   {"enhanced", or_null(row.enhanced)},
                   {"reply", or_null(row.reply)},
                   {"reason", nullptr},
                   {"shadow", row.shadow}};
  if (!row.rule.empty()) {
    out["reason"] = {{"layer", row.layer},
                     {"rule", row.rule},
                     {"origin", row.origin},
                     {"text", row.reason.empty() ? row.reply : row.reason}};
  }
  return out;
}

}  // namespace postern::admin
