// Checks of SPF, DKIM and DMARC verdicts, with the replies of RFC 7372 §3 (policy/replies.h).
// MessageAuthentication gathers their evidence.
#include <string>

#include <fmt/format.h>

#include "base/text.h"
#include "mailauth/names.h"
#include "policy/authentication_text.h"
#include "policy/catalogue.h"
#include "policy/replies.h"

namespace postern::policy::checks {

namespace {

Verdict judge_spf_domain_listed(const Evidence& evidence, const Argument& argument) {
  const auto& listed = std::get<DomainSet>(argument);
  const std::string_view asked = questions::spf_domain(evidence);
  const auto domain = mailauth::normalize_domain(asked);
  const std::string seen = printable(asked, longest_shown);
  if (domain && listed.contains(*domain)) return pass_on(seen + " is listed");
  return refuse(
      550, {5, 7, 1},
      fmt::format("sender domain {} is not in the policy's list",
                  seen.empty() ? "(none)" : smtp::echo(asked)),
      fmt::format("{} is none of {}", seen.empty() ? "no domain" : seen, describe(argument)));
}

Verdict judge_spf_authorised(const Evidence& evidence, const Argument&) {
  return replies::spf(questions::spf(evidence), evidence.session.client_ip);
}

Verdict judge_dkim_signed(const Evidence& evidence, const Argument& argument) {
  return replies::dkim(questions::dkim(evidence, std::get_if<DomainSet>(&argument)));
}

Verdict judge_dmarc_aligned(const Evidence& evidence, const Argument&) {
  return replies::dmarc_asked(questions::dmarc(evidence));
}

Verdict judge_dmarc_passed(const Evidence& evidence, const Argument&) {
  return replies::dmarc_vouched(questions::dmarc(evidence));
}

}  // namespace

constexpr Check spf_domain_listed{
    .name = "spf_domain_listed",
    .stage = Stage::message,
    .needs = Need::none,
    .judge = judge_spf_domain_listed,
    .help =
        "The domain of the reverse-path (of HELO, when that is null) is in the list. Checked "
        "before SPF, so that DNS is not queried for other domains.",
    .replies = "550 5.7.1",
    .control = "spf"};
constexpr Check spf_authorised{
    .name = "spf_authorised",
    .stage = Stage::message,
    .needs = Need::spf,
    .judge = judge_spf_authorised,
    .help =
        "The domain's SPF record says that this client may send for it: the result is pass. None, "
        "neutral and softfail do not authorise the client (RFC 7208).",
    .replies = "550 5.7.23, 550 5.7.24, 451 4.7.24",
    .control = "spf"};
constexpr Check dkim_signed{
    .name = "dkim_signed",
    .stage = Stage::message,
    .needs = Need::dkim,
    .judge = judge_dkim_signed,
    .help =
        "A DKIM signature verifies, is acceptable (nothing unsigned after l=, no test key, one "
        "From field, only header fields in the header, RFC 6376) and, with a list, its d= is in "
        "it.",
    .replies = "550 5.7.20, 550 5.7.21, 451 4.7.5",
    .control = "dkim"};
constexpr Check dmarc_aligned{
    .name = "dmarc_aligned",
    .stage = Stage::message,
    .needs = Need::dmarc,
    .judge = judge_dmarc_aligned,
    .help =
        "SPF or an acceptable DKIM signature passes for the author's domain, or the domain's "
        "DMARC policy asks for neither quarantine nor rejection (RFC 7489).",
    .replies = "550 5.7.26, 550 5.6.0, 451 4.7.26",
    .control = "dmarc"};
constexpr Check dmarc_passed{
    .name = "dmarc_passed",
    .stage = Stage::message,
    .needs = Need::dmarc,
    .judge = judge_dmarc_passed,
    .help =
        "The author's domain publishes a DMARC record, and SPF or an acceptable DKIM signature "
        "passes for that domain.",
    .replies = "550 5.7.26, 550 5.6.0, 451 4.7.26",
    .control = "dmarc"};

}  // namespace postern::policy::checks
