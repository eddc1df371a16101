// Policy drafts: their description in sentences, and dry runs.
#include <array>

#include <boost/json.hpp>

#include "admin/json_value.h"
#include "admin/policies.h"
#include "admin/ports.h"
#include "admin/publisher.h"
#include "base/text.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/reads_as.h"
#include "mail/address.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using dialect::webhook::PolicyFields;

constexpr std::array<std::string_view, 2> draft_members = {"policy", "policy_id"};

/// Reads the members of a dry run; `more`: further members of a draft.
DryRunRequest read_dry_run(const Call& call, std::span<const std::string_view> more) {
  BodyReader body(call.body);
  std::vector<std::string_view> known = {"client_ip",     "helo",    "mail_from",     "tls",
                                         "auth_username", "message", "message_base64"};
  known.insert(known.end(), more.begin(), more.end());
  body.refuse_unknown(known, {}, "dry run");
  check(body);
  DryRunRequest request;
  const Result<IpAddress> client = IpAddress::parse(required_text(body, "client_ip"));
  if (!client) throw invalid("client_ip", "is not an IPv4 or IPv6 address");
  request.client_ip = *client;
  request.helo = required_text(body, "helo");
  request.mail_from = required_text(body, "mail_from");
  if (!request.mail_from.empty() && !mail::parse_mailbox(request.mail_from, mail::Utf8::allowed)) {
    throw invalid("mail_from", "is not an e-mail address; \"\" is the null sender");
  }
  if (dialect::webhook::has_control(request.helo))
    throw invalid("helo", "must not hold control characters");
  request.tls = body.boolean("tls").value_or(false);
  const boost::json::value* user = body.find("auth_username");
  if (user != nullptr && !user->is_null()) request.auth_username = body.text("auth_username");
  request.message = body.text("message");
  const std::optional<std::string> encoded = body.text("message_base64");
  check(body);
  if (request.message && encoded) throw invalid("message_base64", "and message exclude each other");
  if (encoded) request.message = base64_decode(*encoded);
  if (encoded && !request.message) throw invalid("message_base64", "is not base64");
  return request;
}

}  // namespace

boost::json::array reads_as_json(const PolicyFields& fields) {
  boost::json::array lines;
  for (const dialect::webhook::Reading& reading : dialect::webhook::reads_as(fields)) {
    lines.push_back(boost::json::object{{"control", reading.control},
                                        {"text", reading.text},
                                        {"otherwise", or_null(reading.otherwise)},
                                        {"stage", or_null(reading.stage)}});
  }
  return lines;
}

PolicyFields Policies::draft(const Call& call) const {
  const boost::json::value* policy = call.body.if_contains("policy");
  if (policy == nullptr) throw missing("policy");
  if (!policy->is_object()) throw invalid("policy", "must be an object");
  std::optional<PolicyFields> before;
  if (const boost::json::value* id = call.body.if_contains("policy_id")) {
    if (!id->is_string()) throw invalid("policy_id", "must be a string");
    before = fields_of(found(core_.deps.store.policy(call.caller.account_id, id->get_string())));
  }
  auto parsed = dialect::webhook::parse_policy(policy->get_object(), before ? &*before : nullptr);
  if (!parsed) refuse(parsed.error());
  // A new user's hash stays empty: the draft is not stored, and nobody authenticates with it.
  return std::move(parsed->fields);
}

net::HttpResponse Policies::check_draft(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(draft_members, {}, "check", "put the policy into `policy`");
  check(body);
  const PolicyFields fields = draft(call);
  boost::json::array warnings;
  for (const dialect::webhook::Advice& advice : dialect::webhook::advise(fields))
    warnings.push_back(boost::json::object{{"field", advice.field}, {"text", advice.text}});
  return json_response(200, {{"policy", dialect::webhook::to_json(fields)},
                             {"reads_as", reads_as_json(fields)},
                             {"warnings", std::move(warnings)}});
}

Task<net::HttpResponse> Policies::decide(DryRunRequest request) {
  if (core_.deps.dry_run == nullptr) throw unavailable("dry runs are not available on this server");
  Result<boost::json::object> verdict = co_await core_.deps.dry_run->decide(std::move(request));
  if (!verdict) throw unavailable("the dry run could not be finished; try again");
  co_return json_response(200, *verdict);
}

Task<net::HttpResponse> Policies::dry_run(Call& call) {
  auto read = [this](const Call& own) {
    const store::PolicyRow row = stored(own);
    DryRunRequest request = read_dry_run(own, {});
    request.policy = unwrap(to_policy(row));
    return request;
  };
  DryRunRequest request = co_await core_.disk(call, std::move(read));
  net::HttpResponse response = co_await decide(std::move(request));
  co_return response;
}

Task<net::HttpResponse> Policies::dry_run_draft(Call& call) {
  auto read = [this](const Call& own) {
    DryRunRequest request = read_dry_run(own, draft_members);
    request.policy =
        dialect::webhook::compile("pol_draft", own.caller.account_id, 1, 1, draft(own));
    return request;
  };
  DryRunRequest request = co_await core_.disk(call, std::move(read));
  net::HttpResponse response = co_await decide(std::move(request));
  co_return response;
}

}  // namespace postern::admin
