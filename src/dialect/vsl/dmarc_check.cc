// check_dmarc.
#include <fmt/format.h>

#include "base/text.h"
#include "dialect/vsl/reply_codes.h"
#include "dialect/vsl/security.h"
#include "policy/results_field.h"

namespace postern::dialect::vsl {

namespace {

namespace dmarc = mailauth::dmarc;
using Kind = Status::Kind;

smtp::Reply no_author() {
  return {.code = 550,
          .enhanced = {5, 7, 1},
          .text = "The From header is missing, repeated or malformed"};
}

smtp::Reply not_now() {
  return {.code = 451, .enhanced = {4, 7, 0}, .text = "DMARC policy lookup failed"};
}

/// The field says what the verdict was made of.
void tell(Context& context) {
  const policy::Evidence& evidence = context.evidence;
  std::vector<mailauth::ar::MethodResult> results{policy::dmarc_result(*evidence.dmarc)};
  results.push_back(spf_method(evidence));
  for (auto& one : dkim_methods(evidence)) results.push_back(std::move(one));
  add_results(context, std::move(results));
}

/// pct= is not a way around the policy here, as in RFC 9989 without it.
StatusPtr failed(const dmarc::Result& verdict, std::string seen) {
  seen += fmt::format(", p={}", dmarc::to_string(verdict.policy));
  switch (verdict.policy) {
    case dmarc::Policy::none:
      return status_of(Kind::next, std::move(seen));
    case dmarc::Policy::quarantine: {
      Status status{.kind = Kind::quarantine, .reply = {}, .queue = "dmarc", .detail = {}};
      status.detail = std::move(seen);
      return std::make_shared<const Status>(std::move(status));
    }
    case dmarc::Policy::reject:
      break;
  }
  return status_of(Kind::deny, std::move(seen), named_reply("code550_7_26"));
}

}  // namespace

Task<StatusPtr> check_dmarc(script::Call& call) {
  Context& context = rule_of(call);
  draft_with_message(context);
  co_await gather(context, policy::Need::dmarc);
  const dmarc::Result& verdict = *context.evidence.dmarc;
  const auto author = context.evidence.author.value_or(dmarc::Author{});
  if (!author.is_strict() || verdict.status == dmarc::Status::permerror) {
    const std::string_view why = author.valid ? "not one plain address" : to_string(author.fault);
    co_return status_of(Kind::deny, fmt::format("From: {}", why), no_author());
  }
  std::string seen = fmt::format("dmarc={} for {}", dmarc::to_string(verdict.status),
                                 printable(verdict.from_domain, 255));
  if (!verdict.reason.empty()) seen += " (" + printable(verdict.reason, 200) + ")";
  if (verdict.status == dmarc::Status::temperror) {
    co_return status_of(Kind::deny, std::move(seen), not_now());
  }
  if (verdict.status == dmarc::Status::none) co_return status_of(Kind::next, std::move(seen));
  tell(context);
  if (verdict.status == dmarc::Status::pass) co_return status_of(Kind::next, std::move(seen));
  co_return failed(verdict, std::move(seen));
}

}  // namespace postern::dialect::vsl
