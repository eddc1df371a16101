#include "admin/log_json.h"

#include "admin/json_value.h"
#include "admin/time_text.h"

namespace postern::admin {

boost::json::object log_json(const store::LogRecord& record) {
  boost::json::object out{{"id", record.id},
                          {"webhook_id", record.webhook_id},
                          {"created_at", to_rfc3339(record.created_at)},
                          {"kind", to_text(record.kind)},
                          {"simulated", record.simulated()},
                          {"attempt", record.attempt},
                          {"message_id", or_null(record.message_id)},
                          {"sender", record.sender},
                          {"recipients", boost::json::value_from(record.recipients)},
                          {"client_ip", or_null(record.client_ip)},
                          {"helo", or_null(record.helo)},
                          {"tls", or_null(record.tls)},
                          {"auth_username", or_null(record.auth_username)},
                          {"size", or_null(record.size)},
                          {"http_status", or_null(record.http_status)},
                          {"duration_ms", or_null(record.duration_ms)},
                          {"error", or_null(record.error)},
                          {"smtp_code", or_null(record.smtp_code)},
                          {"smtp_text", or_null(record.smtp_text)},
                          {"override", to_text(record.override)}};
  out["policy_id"] = or_null(record.policy_id);
  out["policy_version"] = or_null(record.policy_version);
  out["failed_control"] = or_null(record.failed_control);
  out["spf_result"] = or_null(record.spf_result);
  out["dkim_results"] = boost::json::value_from(record.dkim_results);
  out["dmarc_result"] = or_null(record.dmarc_result);
  out["next_attempt_at"] = admin::to_json(record.next_attempt_at);
  out["trace_id"] = or_null(record.trace_id);
  out["count"] = record.count;
  return out;
}

}  // namespace postern::admin
