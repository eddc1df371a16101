// Keywords about sender, recipient and destination; docs/restriction-keywords.md lists them.
#include "dialect/restrictions/judges.h"

#include <fmt/format.h>

#include "dialect/restrictions/replies.h"

namespace postern::dialect::restrictions {

using policy::MailDomain;

namespace {

constexpr const char* null_path_text = "the null reverse-path";

RuleOutcome non_fqdn(Context& context, const Rule& rule, const Address& address) {
  using policy::questions::NameForm;
  const NameForm form = policy::questions::name_form(address.written_domain());
  if (form == NameForm::literal || form == NameForm::broken_literal) {
    return context.pass("an address literal");
  }
  if (!address.bare && form == NameForm::fqdn) return context.pass("fully qualified");
  return context.refuse(rule, replies::unqualified_address);
}

/// `null_mx`: the reply for a domain that accepts no mail.
RuleOutcome unknown_domain(Context& context, const Rule& rule, const Address& address,
                           const replies::Words& null_mx) {
  if (address.domain.starts_with('[')) return context.pass("an address literal");
  if (address.known == DomainClass::unknown) return context.domain_trouble(rule);
  if (address.known != DomainClass::foreign && address.known != DomainClass::relay) {
    return context.pass("a domain of this server");
  }
  switch (policy::mail_domain(address.domain, context.answers())) {
    case MailDomain::waiting:
      return RuleOutcome::wait;
    case MailDomain::exists:
      return context.pass("the domain takes mail");
    case MailDomain::null_mx:
      return context.refuse(rule, null_mx.code, null_mx.enhanced, null_mx.text);
    case MailDomain::trouble:
      return context.policy().defer_unknown_address
                 ? context.refuse(rule, replies::domain_unanswered, rule.keyword->enhanced,
                                  replies::domain_unanswered_text)
                 : context.defer_if_permit(rule, replies::domain_unanswered, rule.keyword->enhanced,
                                           replies::domain_unanswered_text);
    case MailDomain::missing:
      break;
  }
  return context.refuse(rule, "Domain not found");
}

/// Judges the sender, unless it is not known yet or null.
template <class Judge>
RuleOutcome of_sender(Context& context, const Judge& judge) {
  const Address* sender = context.sender();
  if (sender == nullptr) return context.pass(not_known_yet);
  if (sender->is_null()) return context.pass(null_path_text);
  return judge(*sender);
}

template <class Judge>
RuleOutcome of_recipient(Context& context, const Judge& judge) {
  const Address* recipient = context.recipient();
  if (recipient == nullptr) return context.pass(not_known_yet);
  return judge(*recipient);
}

}  // namespace

RuleOutcome judge_non_fqdn_sender(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) { return non_fqdn(context, rule, one); });
}

RuleOutcome judge_non_fqdn_recipient(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) { return non_fqdn(context, rule, one); });
}

RuleOutcome judge_unknown_sender_domain(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) {
    return unknown_domain(context, rule, one, replies::sender_null_mx);
  });
}

RuleOutcome judge_unknown_recipient_domain(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return unknown_domain(context, rule, one, replies::recipient_null_mx);
  });
}

RuleOutcome judge_unlisted_sender(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) {
    return context.judge_listed(&rule, one, Subject::sender);
  });
}

RuleOutcome judge_unlisted_recipient(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return context.judge_listed(&rule, one, Subject::recipient);
  });
}

RuleOutcome judge_rhsbl_sender(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) {
    return domain_listed(context, rule, one.domain, one.text(), "Sender address");
  });
}

RuleOutcome judge_rhsbl_recipient(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return domain_listed(context, rule, one.domain, one.text(), "Recipient address");
  });
}

RuleOutcome judge_sender_access(Context& context, const Rule& rule) {
  if (context.sender() == nullptr) return context.pass(not_known_yet);
  return check_address(context, rule, *context.sender(), Subject::sender);
}

RuleOutcome judge_recipient_access(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return check_address(context, rule, one, Subject::recipient);
  });
}

RuleOutcome judge_unauth_destination(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    const Match ours = context.is_authorised(one);
    if (ours == Match::yes) return context.pass("a destination of ours");
    if (ours != Match::no) return context.domain_trouble(rule);
    const auto& words = replies::relay_denied;
    return context.refuse_with(rule, rule.code, words.enhanced,
                               fmt::format("<{}>{}", smtp::echo(one.text()), words.text));
  });
}

RuleOutcome judge_auth_destination(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    const Match ours = context.is_authorised(one);
    if (ours == Match::yes) return context.permit("a destination of ours");
    return ours == Match::no ? context.pass("no destination of ours")
                             : context.domain_trouble(rule);
  });
}

/// The only check keyword that decides for every recipient: it permits our destinations and refuses
/// all others.
RuleOutcome judge_relay_domains(Context& context, const Rule& rule) {
  const RuleOutcome outcome = judge_auth_destination(context, rule);
  if (outcome != RuleOutcome::pass || context.recipient() == nullptr) return outcome;
  return judge_unauth_destination(context, rule);
}

RuleOutcome judge_etrn_access(Context& context, const Rule& rule) {
  if (context.etrn().empty()) return context.pass(not_known_yet);
  return check_name(context, rule, context.etrn(), Subject::etrn);
}

}  // namespace postern::dialect::restrictions
