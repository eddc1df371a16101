// check_spf and check_spf_inner.
#include <fmt/format.h>

#include "base/text.h"
#include "dialect/vsl/hosts.h"
#include "dialect/vsl/reply_codes.h"
#include "dialect/vsl/security.h"
#include "mailauth/ar/write.h"
#include "policy/results_field.h"

namespace postern::dialect::vsl {

namespace {

namespace spf = mailauth::spf;
using Kind = Status::Kind;
using script::Call;
using script::demand;

constexpr std::size_t longest_cause = 200;

/// What a check is to do with its result.
struct Order {
  bool received_spf = true;  ///< a Received-SPF field
  bool results = true;       ///< an Authentication-Results field
  bool strict = true;
};

Order order_of(const Value& header, const std::optional<Value>& policy) {
  const std::string fields = text_of(header);
  const std::string mode = policy ? text_of(*policy) : "strict";
  demand(fields == "spf" || fields == "auth" || fields == "both" || fields == "none",
         "spf 'header' argument must be 'spf', 'auth', 'both' or 'none', not '" +
             printable(fields, 60) + "'");
  demand(mode == "strict" || mode == "soft",
         "spf 'policy' argument must be 'strict' or 'soft', not '" + printable(mode, 60) + "'");
  return {.received_spf = fields == "spf" || fields == "both",
          .results = fields == "auth" || fields == "both",
          .strict = mode == "strict"};
}

/// RFC 7208 §9.1: what decided, or what went wrong.
struct Cause {
  std::string_view name;  ///< "mechanism" or "problem"
  std::string text;
};

Cause cause_of(const spf::Result& result) {
  const bool trouble = result.status == spf::Status::none ||
                       result.status == spf::Status::temperror ||
                       result.status == spf::Status::permerror;
  const std::string& first = trouble ? result.reason : result.mechanism;
  const std::string& second = trouble ? result.mechanism : result.reason;
  return {trouble ? "problem" : "mechanism",
          printable(first.empty() ? second : first, longest_cause)};
}

/// Between quotes, whatever it is: the sender chose most of these values.
std::string quoted(std::string_view value) {
  std::string text = mailauth::ar::write_value(value);
  return text.starts_with('"') ? text : "\"" + text + "\"";
}

/// RFC 7208 §9.1, folded behind each value, so that no line gets long.
std::string received_spf(const Context& context) {
  const policy::SessionFacts& session = context.evidence.session;
  const spf::Result& result = *context.evidence.spf;
  const Cause cause = cause_of(result);
  using mailauth::ar::write_value;
  return fmt::format(
      "{} receiver={};\r\n client-ip={};\r\n envelope-from={};\r\n helo={};\r\n "
      "identity=mailfrom; {}={}",
      spf::to_string(result.status), write_value(context.site.hostname),
      write_value(session.client_ip.to_string()), quoted(result.sender), write_value(session.helo),
      cause.name, quoted(cause.text));
}

/// What the result means to the client; null: nothing.
const char* refusal_of(spf::Status status, bool strict) {
  switch (status) {
    case spf::Status::fail:
      return "code550_7_23";
    case spf::Status::softfail:
      return strict ? "code550_7_23" : nullptr;
    case spf::Status::temperror:
      return "code451_7_24";
    case spf::Status::permerror:
      return "code550_7_24";
    case spf::Status::none:
    case spf::Status::neutral:
    case spf::Status::pass:
      break;
  }
  return nullptr;
}

/// "spf=fail for ann@sender.example (mechanism -all)".
std::string seen(const spf::Result& result) {
  const Cause cause = cause_of(result);
  std::string text =
      fmt::format("spf={} for {}", spf::to_string(result.status), printable(result.sender, 320));
  if (!cause.text.empty()) text += fmt::format(" ({} {})", cause.name, cause.text);
  return text;
}

}  // namespace

mailauth::ar::MethodResult spf_method(const policy::Evidence& evidence) {
  // RFC 7208 §2.4: of the null sender it is postmaster@HELO.
  auto method = policy::spf_result(*evidence.spf, false);
  method.properties = {{"smtp", "mailfrom", evidence.spf->sender}};
  return method;
}

Task<StatusPtr> check_spf(Call& call, Value header, std::optional<Value> policy) {
  Context& context = rule_of(call);
  sender_of(context);  // throws too early
  // One object alone names the clients that are not checked.
  const bool by_hosts = !policy && !std::holds_alternative<std::string>(header.is);
  Hosts trusted = by_hosts ? hosts_of(header) : Hosts{};
  const Order order = by_hosts ? Order{} : order_of(header, policy);
  if (is_local(context, context.evidence.reverse_path)) {
    co_return status_of(Kind::next, "SPF is not asked about a sender of ours");
  }
  if (by_hosts) {
    HostMatch match = co_await match_client(context, std::move(trusted));
    if (match.found) co_return status_of(Kind::next, std::move(match.detail) + ": no SPF");
  }
  co_await gather(context, policy::Need::spf);
  const spf::Result& result = *context.evidence.spf;
  if (order.results) add_results(context, {spf_method(context.evidence)});
  if (order.received_spf) prepend_field(context.draft, "Received-SPF", received_spf(context));
  const char* refusal = refusal_of(result.status, order.strict);
  if (refusal == nullptr) co_return status_of(Kind::next, seen(result));
  co_return status_of(Kind::deny, seen(result), named_reply(refusal));
}

Task<Verdict> check_spf_inner(Call& call) {
  Context& context = rule_of(call);
  sender_of(context);  // throws too early
  co_await gather(context, policy::Need::spf);
  const spf::Result& result = *context.evidence.spf;
  const Cause cause = cause_of(result);
  Value::Map map;
  map["result"] = std::string(spf::to_string(result.status));
  map["cause"] = cause.text;
  map[std::string(cause.name)] = cause.text;
  co_return std::make_shared<const Value>(std::move(map));
}

}  // namespace postern::dialect::vsl
