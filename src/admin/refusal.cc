#include "admin/refusal.h"

#include <boost/json.hpp>

#include "base/shown.h"
#include "store/in_doubt.h"
#include "telemetry/log.h"
#include "telemetry/outage.h"

namespace postern::admin {

net::HttpResponse to_response(const Refusal& refusal) {
  boost::json::object body{{"error", refusal.sentence}, {"code", refusal.code}};
  if (!refusal.fields.empty()) {
    boost::json::object fields;
    for (const auto& [name, sentence] : refusal.fields) fields[name] = sentence;
    body["fields"] = std::move(fields);
  }
  for (const auto& [name, value] : refusal.more) body[name] = value;
  net::HttpResponse response;
  response.status = refusal.status;
  response.body = shown_json(boost::json::serialize(body));
  response.headers = refusal.headers;
  // A 401 must name a scheme (RFC 9110 §15.5.2).
  if (refusal.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Refusal unauthorized(std::string sentence) {
  return {401, "unauthorized", std::move(sentence), {}, {}};
}

Refusal forbidden(std::string sentence) { return {403, "forbidden", std::move(sentence), {}, {}}; }

Refusal not_found() {
  return {404, "not_found", "there is no such object in this account", {}, {}};
}

Refusal conflict(std::string code, std::string sentence) {
  return {409, std::move(code), std::move(sentence), {}, {}};
}

Refusal account_limit() {
  return {422,
          "account_limit",
          "the account would have more policies, SMTP users, webhooks, domains or octets than "
          "this gateway allows (limits.account_ keys)",
          {},
          {}};
}

Refusal version_mismatch() {
  return {412, "version_mismatch", "the object has changed since this version was read", {}, {}};
}

Refusal invalid(std::string field, std::string sentence) {
  std::string summary = field + ": " + sentence;
  return {
      422, "validation_failed", std::move(summary), {{std::move(field), std::move(sentence)}}, {}};
}

Refusal missing(std::string field) {
  std::string summary = field + " is missing";
  return {400, "missing_field", std::move(summary), {{std::move(field), "is required"}}, {}};
}

Refusal rate_limited(std::uint64_t retry_after_seconds, std::string_view what) {
  const std::string wait = std::to_string(retry_after_seconds);
  return {429,
          "rate_limited",
          "too many " + std::string(what) + "; next in " + wait + " s",
          {},
          {{"Retry-After", wait}}};
}

Refusal storage_trouble(const Error& error) {
  {
    telemetry::Line line = telemetry::log::store_error(error);
    if (error.fault != Fault::unreachable) line.msg("the control plane's database failed");
  }
  if (error.fault == Fault::disk_full) {
    return {507, "insufficient_storage", "the server's disk is full; nothing was changed", {}, {}};
  }
  std::string said = "the server cannot do this now; nothing was changed";
  if (store::is_in_doubt(error)) {
    said =
        "the cluster's database did not answer in time, and the change may have been stored; see "
        "whether it was before you repeat it";
  } else if (error.fault == Fault::unreachable) {
    said = "the cluster's database does not answer now; nothing was changed";
  }
  return {503, "unavailable", std::move(said), {}, {{"Retry-After", "5"}}};
}

}  // namespace postern::admin
