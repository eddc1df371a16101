#include "admin/trace_json.h"

#include "admin/time_text.h"

namespace postern::admin {
namespace {

namespace json = boost::json;

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

json::object summary_json(const store::TraceRow& row) {
  json::object out{
      {"id", row.id},
      {"time", to_rfc3339(row.time)},
      {"outcome", row.outcome},
      {"client_ip", row.client_ip},
      {"mail_from", row.mail_from},
      {"rcpt_to", row.rcpt},
      {"webhook_id", row.webhook_id ? json::value(*row.webhook_id) : json::value(nullptr)},
      {"webhook_name", nullptr},
      {"code", row.code != 0 ? json::value(row.code) : json::value(nullptr)},
      {"enhanced", text_or_null(row.enhanced)},
      {"reply", text_or_null(row.reply)},
      {"reason", nullptr},
      {"shadow", row.shadow}};
  if (!row.layer.empty() || !row.rule.empty()) {
    out["reason"] = json::object{
        {"layer", row.layer}, {"rule", row.rule}, {"origin", row.origin}, {"text", row.reason}};
  }
  return out;
}

}  // namespace postern::admin
