// Keywords about HELO (reference §3).
#include "dialect/restrictions/judges.h"

#include "mail/hostname.h"

namespace postern::dialect::restrictions {

using policy::MailDomain;

namespace {

/// One dot at its end is dropped (tier C81).
bool is_address(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  return looks_like_address(text) && IpAddress::from_text(text);
}

}  // namespace

Outcome judge_invalid_helo(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  if (helo.empty()) return context.pass(not_known_yet);
  if (helo.starts_with('[')) {
    if (mail::is_address_literal(helo)) return context.pass("an address literal");
    return context.refuse(rule, "invalid ip address");
  }
  if (mail::is_hostname(helo) || is_address(helo)) return context.pass("a valid name");
  return context.refuse(rule, "Invalid name");
}

namespace {

/// The code of a HELO that is broken rather than short of what the rule asks for.
Outcome bad_literal(Context& context, const Rule& rule) {
  const auto code = context.policy().codes.find("invalid_hostname_reject_code");
  const bool known = code != context.policy().codes.end();
  return context.refuse(rule, known ? code->second : std::uint16_t{501}, {5, 5, 2},
                        "invalid ip address");
}

}  // namespace

Outcome judge_non_fqdn_helo(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  if (helo.empty()) return context.pass(not_known_yet);
  if (helo.starts_with('[')) {
    if (mail::is_address_literal(helo)) return context.pass("an address literal");
    return bad_literal(context, rule);
  }
  if (mail::is_fqdn(helo)) return context.pass("fully qualified");
  return context.refuse(rule, "need fully-qualified hostname");
}

Outcome judge_unknown_helo(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  if (helo.empty()) return context.pass(not_known_yet);
  if (helo.starts_with('[')) {
    if (mail::is_address_literal(helo)) return context.pass("an address literal");
    return bad_literal(context, rule);
  }
  // A name with a dot at its end is none to be looked up.
  if (helo.ends_with('.')) return context.refuse(rule, "Host not found");
  switch (policy::mail_domain(helo, context.answers())) {
    case MailDomain::waiting:
      return Outcome::wait;
    case MailDomain::exists:
    case MailDomain::null_mx:
      return context.pass("the name is in DNS");
    case MailDomain::trouble:
      return context.policy().defer_unknown_helo
                 ? context.refuse(rule, 450, {4, 7, 1}, "Host not found, try again")
                 : context.defer_if_permit(rule, 450, {4, 7, 1}, "Host not found, try again");
    case MailDomain::missing:
      break;
  }
  return context.refuse(rule, "Host not found");
}

Outcome judge_rhsbl_helo(Context& context, const Rule& rule) {
  if (context.helo().empty()) return context.pass(not_known_yet);
  return domain_listed(context, rule, context.helo(), context.helo(), "Helo command");
}

Outcome judge_helo_access(Context& context, const Rule& rule) {
  if (context.helo().empty()) return context.pass(not_known_yet);
  return check_name(context, rule, context.helo(), Subject::helo);
}

}  // namespace postern::dialect::restrictions
