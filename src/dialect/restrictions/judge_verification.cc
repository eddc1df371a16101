// Keywords that ask mail hosts whether an address exists; docs/restriction-lists.md, "Address
// verification".
#include "dialect/restrictions/judges.h"

#include "dialect/restrictions/replies.h"
#include "mail/local_part.h"

namespace postern::dialect::restrictions {

namespace {

using AnswerKind = VerificationAnswer::Kind;

/// The address as it would be sent on. It is not the null reverse-path.
std::string as_sent(const Address& address) {
  const std::string local = !address.rerouted ? address.mailbox->local_part
                            : address.quoted  ? mail::quoted_local_part(address.local)
                                              : address.local;
  return local + "@" + address.domain;
}

/// What is known of an address; nullopt: an answer is missing.
/// `listed_later`: whether the lists end with the question whether a recipient of ours is known.
std::optional<VerificationAnswer> verified(Context& context, const Address& address, bool here,
                                           bool listed_later) {
  const bool own = address.known == DomainClass::local ||
                   address.known == DomainClass::virtual_alias ||
                   address.known == DomainClass::virtual_mailbox;
  if (here) return VerificationAnswer{AnswerKind::deliverable, "an address of a webhook"};
  if (own) {
    const Listed listed = context.listed(address);
    switch (listed.status) {
      case Listed::Status::waiting:
        return std::nullopt;
      case Listed::Status::failed:
        return VerificationAnswer{AnswerKind::deferred, listed.why};
      case Listed::Status::unlisted:
        if (!listed_later) return VerificationAnswer{AnswerKind::undeliverable, listed.why};
        return VerificationAnswer{AnswerKind::deliverable, "the end of the lists refuses it"};
      case Listed::Status::listed:
      case Listed::Status::no_table:
        break;
    }
  }
  const policy::Consultation* answered = context.verification(
      own ? policy::verify_own_service : policy::verify_service, as_sent(address));
  if (answered == nullptr) return std::nullopt;
  return verification_answer(*answered);
}

RuleOutcome judge_unverified(Context& context, const Rule& rule, const Address& address,
                             const UnverifiedWords& words, bool here, bool listed_later) {
  if (address.known == DomainClass::unknown) return context.domain_trouble(rule);
  const auto found = verified(context, address, here, listed_later);
  if (!found) return RuleOutcome::wait;
  const std::string& why = words.reason.empty() ? found->why : words.reason;
  std::uint16_t code = words.defer_code;
  std::string reason = std::string(replies::unverified) + why;
  switch (found->kind) {
    case AnswerKind::deliverable:
      return context.pass("deliverable: " + found->why);
    case AnswerKind::undeliverable:
      code = rule.code;
      if (code < 500) break;
      return context.refuse(rule, code, rule.keyword->enhanced,
                            std::string(replies::undeliverable) + why);
    case AnswerKind::deferred:
      break;
    case AnswerKind::failed:
      code = replies::no_verification;
      reason = std::string(replies::no_verification_text);
      break;
  }
  if (code < 300) return context.pass("not verified, which does not matter: " + found->why);
  const RuleOutcome outcome =
      words.refuses_now ? context.refuse(rule, code, rule.keyword->enhanced, reason)
                        : context.defer_if_permit(rule, code, rule.keyword->enhanced, reason);
  if (found->kind == AnswerKind::failed) context.add_reason(found->why);
  return outcome;
}

}  // namespace

RuleOutcome judge_unverified_sender(Context& context, const Rule& rule) {
  const Address* sender = context.sender();
  if (sender == nullptr) return context.pass(not_known_yet);
  if (sender->is_null()) return context.pass("the null reverse-path");
  return judge_unverified(context, rule, *sender, context.policy().verification.sender, false,
                          false);
}

RuleOutcome judge_unverified_recipient(Context& context, const Rule& rule) {
  const Address* recipient = context.recipient();
  if (recipient == nullptr) return context.pass(not_known_yet);
  return judge_unverified(context, rule, *recipient, context.policy().verification.recipient,
                          context.is_webhook(), context.policy().reject_unlisted_recipient);
}

}  // namespace postern::dialect::restrictions
