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

namespace questions = policy::questions;
namespace spf = mailauth::spf;
using StatusKind = Status::Kind;
using script::Call;
using script::demand;

constexpr std::size_t longest_cause = 200;

/// What a check does with its result.
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

/// The value in quotes, even if it needs none: the sender chose most of these values.
std::string always_quoted(std::string_view value) {
  std::string text = mailauth::ar::write_value(value);
  return text.starts_with('"') ? text : "\"" + text + "\"";
}

std::string_view cause_name(const questions::SpfCause& cause) {
  return cause.is_problem ? "problem" : "mechanism";
}

/// The value of Received-SPF (RFC 7208 §9.1), folded after each part, so that lines stay short.
std::string received_spf(const Context& context) {
  const policy::SessionFacts& session = context.evidence.session;
  const spf::Result& result = *context.evidence.spf;
  const auto cause = questions::cause_of(result);
  using mailauth::ar::write_value;
  return fmt::format(
      "{} receiver={};\r\n client-ip={};\r\n envelope-from={};\r\n helo={};\r\n "
      "identity=mailfrom; {}={}",
      spf::to_string(result.status), write_value(context.site.hostname),
      write_value(session.client_ip.to_string()), always_quoted(result.sender),
      write_value(session.helo), cause_name(cause),
      always_quoted(printable(cause.text, longest_cause)));
}

}  // namespace

mailauth::ar::MethodResult spf_method(const policy::Evidence& evidence) {
  // RFC 7208 §2.4: for the null sender, `sender` is postmaster@HELO.
  auto method = policy::spf_result(*evidence.spf, false);
  method.properties = {{"smtp", "mailfrom", evidence.spf->sender}};
  return method;
}

Task<StatusPtr> check_spf(Call& call, Value header, std::optional<Value> policy) {
  Context& context = rule_of(call);
  sender_of(context);  // throws before MAIL
  // A single argument other than a text names the clients that are not checked.
  const bool by_hosts = !policy && !std::holds_alternative<std::string>(header.is);
  Hosts trusted = by_hosts ? hosts_of(header) : Hosts{};
  const Order order = by_hosts ? Order{} : order_of(header, policy);
  if (is_local(context, context.evidence.reverse_path)) {
    co_return status_of(StatusKind::next, "SPF is not asked about a sender of ours");
  }
  if (by_hosts) {
    HostMatch match = co_await match_client(context, std::move(trusted));
    if (match.found) co_return status_of(StatusKind::next, std::move(match.detail) + ": no SPF");
  }
  co_await gather(context, policy::Need::spf);
  const questions::Spf found = questions::spf(context.evidence);
  if (order.results) add_results(context, {spf_method(context.evidence)});
  if (order.received_spf) prepend_field(context.draft, "Received-SPF", received_spf(context));
  auto refusal = spf_refusal(found.says, order.strict);
  const StatusKind kind = refusal ? StatusKind::deny : StatusKind::next;
  co_return status_of(kind, found.words(), std::move(refusal));
}

Task<CheckResult> check_spf_inner(Call& call) {
  Context& context = rule_of(call);
  sender_of(context);  // throws before MAIL
  co_await gather(context, policy::Need::spf);
  const spf::Result& result = *context.evidence.spf;
  const auto cause = questions::cause_of(result);
  const std::string text = printable(cause.text, longest_cause);
  Value::Map map;
  map["result"] = std::string(spf::to_string(result.status));
  map["cause"] = text;
  map[std::string(cause_name(cause))] = text;
  co_return std::make_shared<const Value>(std::move(map));
}

}  // namespace postern::dialect::vsl
