// The checks on who vouches for a message: what they ask of SPF, DKIM and DMARC, and the replies of
// RFC 7372. Their evidence is gathered by MessageAuthentication.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/text.h"
#include "policy/authentication_text.h"
#include "policy/catalogue.h"

namespace postern::policy::checks {

namespace {

namespace spf = mailauth::spf;
namespace dkim = mailauth::dkim;
namespace dmarc = mailauth::dmarc;

constexpr std::size_t shown = 128;  ///< octets of a foreign name in a reply or a trace

/// RFC 7208 §2.4: with a null reverse-path the HELO name is the identity.
std::string_view spf_domain(const Evidence& evidence) {
  return evidence.reverse_path ? std::string_view(evidence.reverse_path->domain)
                               : std::string_view(evidence.session.helo);
}

Verdict judge_spf_domain_listed(const Evidence& evidence, const Argument& argument) {
  const auto& listed = std::get<DomainSet>(argument);
  const auto domain = mailauth::normalize_domain(spf_domain(evidence));
  const std::string seen = printable(spf_domain(evidence), shown);
  if (domain && listed.contains(*domain)) return pass_on(seen + " is listed");
  return refuse(
      550, {5, 7, 1},
      fmt::format("sender domain {} is not in the policy's list",
                  seen.empty() ? "(none)" : smtp::echo(spf_domain(evidence))),
      fmt::format("{} is none of {}", seen.empty() ? "no domain" : seen, describe(argument)));
}

Verdict judge_spf_authorised(const Evidence& evidence, const Argument&) {
  if (!evidence.spf) return refuse(451, {4, 7, 24}, "SPF could not be verified, try again later");
  const spf::Result& result = *evidence.spf;
  std::string seen = policy::describe(result);
  const std::string domain = result.domain.empty() ? "the sender" : smtp::echo(result.domain);
  switch (result.status) {
    case spf::Status::pass:
      return pass_on(std::move(seen));
    case spf::Status::temperror:
      return refuse(
          451, {4, 7, 24},
          fmt::format("SPF of {} could not be verified (temperror), try again later", domain),
          std::move(seen));
    case spf::Status::permerror:  // RFC 7372 §3.2
      return refuse(550, {5, 7, 24},
                    fmt::format("SPF record of {} is in error (permerror)", domain),
                    std::move(seen));
    case spf::Status::none:
    case spf::Status::neutral:
    case spf::Status::fail:
    case spf::Status::softfail:
      break;
  }
  return refuse(
      550, {5, 7, 23},
      fmt::format("SPF validation failed: {} for {} from {}", spf::to_string(result.status), domain,
                  evidence.session.client_ip.to_string()),
      std::move(seen));
}

/// RFC 7372 §3.1. Any one signature will do.
Verdict judge_dkim_signed(const Evidence& evidence, const Argument& argument) {
  if (!evidence.dkim) return refuse(451, {4, 7, 5}, "DKIM could not be verified, try again later");
  const auto* listed = std::get_if<DomainSet>(&argument);
  const auto counts = [&](const dkim::SignatureResult& one) {
    return listed == nullptr || listed->empty() || listed->contains(one.signature.domain);
  };
  const auto any = [&](auto&& holds) {
    const auto& all = evidence.dkim->signatures;
    return std::any_of(all.begin(), all.end(), holds);
  };
  using Signature = const dkim::SignatureResult&;
  std::string seen = policy::describe(*evidence.dkim);
  if (any([&](Signature one) { return one.acceptable && counts(one); })) {
    return pass_on(std::move(seen));
  }
  // A later attempt may succeed, but not with several authors or a header of two readings.
  const bool may_help =
      evidence.dkim->from_fields == 1 && !any([](Signature one) { return one.header_ambiguous; });
  if (may_help &&
      any([&](Signature one) { return one.status == dkim::Status::temperror && counts(one); })) {
    return refuse(451, {4, 7, 5}, "DKIM key could not be fetched, try again later",
                  std::move(seen));
  }
  if (any([&](Signature one) { return one.status == dkim::Status::pass; })) {
    return refuse(550, {5, 7, 21}, "no acceptable DKIM signature of a permitted domain found",
                  std::move(seen));
  }
  return refuse(550, {5, 7, 20}, "no valid DKIM signature found", std::move(seen));
}

constexpr auto dmarc_later = "DMARC could not be evaluated, try again later";
constexpr auto dmarc_invalid = "invalid From: one address that all read alike is required";

/// RFC 7489 §6.6.2 with §10.3; the codes are those of RFC 7372 §3.4.
Verdict judge_dmarc_aligned(const Evidence& evidence, const Argument&) {
  if (!evidence.dmarc) return refuse(451, {4, 7, 26}, dmarc_later);
  const dmarc::Result& result = *evidence.dmarc;
  std::string seen = policy::describe(result);
  switch (result.status) {
    case dmarc::Status::none:
    case dmarc::Status::pass:
      return pass_on(std::move(seen));
    case dmarc::Status::temperror:
      return refuse(451, {4, 7, 26}, dmarc_later, std::move(seen));
    case dmarc::Status::permerror:
      return refuse(550, {5, 6, 0}, dmarc_invalid, std::move(seen));
    case dmarc::Status::fail:
      break;
  }
  // A policy of "quarantine" refuses too: there is no folder here to put the message in.
  if (result.policy == dmarc::Policy::none) return pass_on(std::move(seen));
  return refuse(550, {5, 7, 26},
                fmt::format("unauthenticated mail from {} is refused by its DMARC policy",
                            smtp::echo(result.from_domain)),
                std::move(seen));
}

Verdict judge_dmarc_passed(const Evidence& evidence, const Argument&) {
  if (!evidence.dmarc) return refuse(451, {4, 7, 26}, dmarc_later);
  const dmarc::Result& result = *evidence.dmarc;
  std::string seen = policy::describe(result);
  if (result.status == dmarc::Status::pass) return pass_on(std::move(seen));
  if (result.status == dmarc::Status::permerror) {
    return refuse(550, {5, 6, 0}, dmarc_invalid, std::move(seen));
  }
  // Whoever would vouch may only be silent for now.
  const bool silent = result.status == dmarc::Status::temperror ||
                      (evidence.spf && evidence.spf->status == spf::Status::temperror) ||
                      (evidence.dkim && evidence.dkim->overall() == dkim::Status::temperror);
  if (silent) return refuse(451, {4, 7, 26}, dmarc_later, std::move(seen));
  return refuse(
      550, {5, 7, 26},
      fmt::format("DMARC does not vouch for mail from {}", smtp::echo(result.from_domain)),
      std::move(seen));
}

}  // namespace

constexpr Check spf_domain_listed{
    .name = "spf_domain_listed",
    .stage = Stage::message,
    .needs = Need::none,
    .judge = judge_spf_domain_listed,
    .help =
        "The domain of the reverse-path (of HELO, when that is null) is in the list. Asked before "
        "SPF, so that DNS is not asked about anybody else.",
    .replies = "550 5.7.1",
    .control = "spf"};
constexpr Check spf_authorised{
    .name = "spf_authorised",
    .stage = Stage::message,
    .needs = Need::spf,
    .judge = judge_spf_authorised,
    .help =
        "The domain's SPF record says that this client may send for it: the result is pass. None, "
        "neutral and softfail authorise nobody (RFC 7208).",
    .replies = "550 5.7.23, 550 5.7.24, 451 4.7.24",
    .control = "spf"};
constexpr Check dkim_signed{
    .name = "dkim_signed",
    .stage = Stage::message,
    .needs = Need::dkim,
    .judge = judge_dkim_signed,
    .help =
        "A DKIM signature verifies, is acceptable (nothing unsigned behind l=, no test key, one "
        "From field, no line that is no header field, RFC 6376) and, with a list, its d= is in it.",
    .replies = "550 5.7.20, 550 5.7.21, 451 4.7.5",
    .control = "dkim"};
constexpr Check dmarc_aligned{
    .name = "dmarc_aligned",
    .stage = Stage::message,
    .needs = Need::dmarc,
    .judge = judge_dmarc_aligned,
    .help =
        "SPF or an acceptable DKIM signature vouches for the author's domain, or its DMARC policy "
        "does not mind (RFC 7489).",
    .replies = "550 5.7.26, 550 5.6.0, 451 4.7.26",
    .control = "dmarc"};
constexpr Check dmarc_passed{
    .name = "dmarc_passed",
    .stage = Stage::message,
    .needs = Need::dmarc,
    .judge = judge_dmarc_passed,
    .help =
        "The author's domain publishes a DMARC record, and SPF or an acceptable DKIM signature "
        "vouches for it.",
    .replies = "550 5.7.26, 550 5.6.0, 451 4.7.26",
    .control = "dmarc"};

}  // namespace postern::policy::checks
