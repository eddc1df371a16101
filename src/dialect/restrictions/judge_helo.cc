// Keywords about HELO; docs/restriction-keywords.md lists them.
#include "dialect/restrictions/judges.h"

#include "dialect/restrictions/replies.h"

namespace postern::dialect::restrictions {

using policy::MailDomain;
using policy::questions::HeloValid;
using policy::questions::NameForm;

RuleOutcome judge_invalid_helo(Context& context, const Rule& rule) {
  const HeloValid helo = context.helo_valid();
  if (helo.form == NameForm::missing) return context.pass(not_known_yet);
  return helo.is_valid() ? context.pass(helo.words())
                         : context.refuse(rule, replies::invalid_helo(helo.form));
}

namespace {

/// Refuses a syntactically broken HELO with that error's own code, not the rule's.
RuleOutcome bad_literal(Context& context, const Rule& rule) {
  const auto& words = replies::broken_literal;
  const auto code = context.policy().codes.find("invalid_hostname_reject_code");
  const bool known = code != context.policy().codes.end();
  return context.refuse(rule, known ? code->second : words.code, words.enhanced, words.text);
}

}  // namespace

RuleOutcome judge_non_fqdn_helo(Context& context, const Rule& rule) {
  const HeloValid helo = context.helo_valid();
  if (helo.form == NameForm::missing) return context.pass(not_known_yet);
  if (helo.is_fully_qualified()) return context.pass(helo.words());
  if (helo.form == NameForm::broken_literal) return bad_literal(context, rule);
  return context.refuse(rule, replies::unqualified_helo);
}

RuleOutcome judge_unknown_helo(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  const HeloValid valid = context.helo_valid();
  if (valid.form == NameForm::missing) return context.pass(not_known_yet);
  if (valid.form == NameForm::literal) return context.pass(valid.words());
  if (valid.form == NameForm::broken_literal) return bad_literal(context, rule);
  // A name that ends in a dot is not looked up.
  if (helo.ends_with('.')) return context.refuse(rule, replies::missing_helo);
  const auto& later = replies::helo_unanswered;
  switch (policy::mail_domain(helo, context.answers())) {
    case MailDomain::waiting:
      return RuleOutcome::wait;
    case MailDomain::exists:
    case MailDomain::null_mx:
      return context.pass("the name is in DNS");
    case MailDomain::trouble:
      return context.policy().defer_unknown_helo
                 ? context.refuse(rule, later.code, later.enhanced, later.text)
                 : context.defer_if_permit(rule, later.code, later.enhanced, later.text);
    case MailDomain::missing:
      break;
  }
  return context.refuse(rule, replies::missing_helo);
}

/// HELO without letters: an address is permitted, and other digits, dots and colons are refused.
RuleOutcome judge_naked_address(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  if (helo.empty()) return context.pass(not_known_yet);
  if (helo.find_first_not_of("0123456789.:") != std::string_view::npos) {
    return context.pass("a name");
  }
  return IpAddress::from_text(helo) ? context.permit("an address") : bad_literal(context, rule);
}

RuleOutcome judge_rhsbl_helo(Context& context, const Rule& rule) {
  if (context.helo().empty()) return context.pass(not_known_yet);
  return domain_listed(context, rule, context.helo(), context.helo(), "Helo command");
}

RuleOutcome judge_helo_access(Context& context, const Rule& rule) {
  if (context.helo().empty()) return context.pass(not_known_yet);
  return check_name(context, rule, context.helo_key(), Subject::helo);
}

}  // namespace postern::dialect::restrictions
