#include "dialect/restrictions/rule_effect.h"

#include <algorithm>
#include <initializer_list>

#include "dialect/restrictions/context.h"
#include "mail/local_part.h"
#include "policy/questions/authenticated.h"

namespace postern::dialect::restrictions {

namespace {

ReplyCodes codes_of(const smtp::Reply& reply) { return {reply.code, reply.enhanced}; }

std::optional<ReplyCodes> codes_of(const std::optional<Deferral>& raised) {
  return raised ? std::optional(codes_of(raised->reply)) : std::nullopt;
}

/// How the tables of a rule are looked up. Those of the others have keys of several kinds.
PatternQuestions::Keys keys_of(const Rule& rule) {
  constexpr std::array in_lower_case{"check_client_access", "check_helo_access",
                                     "check_reverse_client_hostname_access", "check_sender_access",
                                     "check_recipient_access"};
  const std::string_view name = rule.keyword != nullptr ? rule.keyword->name : std::string_view();
  const bool folded = std::ranges::find(in_lower_case, name) != in_lower_case.end();
  if (name == "check_sasl_access") return PatternQuestions::Keys::logins;
  return folded ? PatternQuestions::Keys::folded : PatternQuestions::Keys::as_they_are;
}

/// Whose results of tables are owners: the client's login, if the rule asks who owns an address.
std::string owner_of(const Rule& rule, const policy::Evidence& evidence) {
  const bool asks = rule.keyword != nullptr && rule.keyword->name.ends_with("_login_mismatch");
  const auto client = policy::questions::authenticated(evidence);
  return asks && client ? client.login->username : std::string();
}

/// What `judge` did to the context.
template <class Judge>
RuleEffect observe(const ListPolicy& policy, const RuleMoment& moment,
                   const policy::Evidence& evidence, const KnownPatterns& patterns,
                   PatternQuestions::Keys keys, const std::string& login, const Judge& judge) {
  PatternQuestions questions(patterns.keys, patterns.answers, keys, login);
  Evaluated result;
  Context context(policy, evidence, moment.stage, result);
  context.stand_alone(moment.list, moment.warn_only);
  if (moment.looks_back) context.look_back();
  RuleEffect effect;
  effect.outcome = judge(context);
  if (effect.outcome == RuleOutcome::wait || context.waits() || questions.wanted()) {
    effect.outcome = RuleOutcome::wait;
    effect.wanted_pattern = questions.wanted();
    if (effect.wanted_pattern) return effect;
    effect.wanted_service = context.replies().wanted();
    if (!effect.wanted_service) effect.wanted_dns = context.answers().wanted();
    return effect;
  }
  if (effect.outcome == RuleOutcome::refuse) {
    effect.refusal = codes_of(result.reply);
    effect.yields = context.refusal_yields();
  }
  effect.defers_if_permit = codes_of(context.deferral());
  effect.defers_if_reject = codes_of(context.raised_if_reject());
  effect.holds = result.hold.has_value();
  effect.discards = result.discard.has_value();
  effect.rules = context.left_out();
  return effect;
}

}  // namespace

RuleEffect effect_of(const ListPolicy& policy, const Rule& rule, const RuleMoment& moment,
                     const policy::Evidence& evidence, const KnownPatterns& patterns) {
  bool routed = false;
  RuleEffect effect = observe(policy, moment, evidence, patterns, keys_of(rule),
                              owner_of(rule, evidence), [&](Context& context) {
                                const Address* recipient = context.recipient();
                                routed = recipient != nullptr && recipient->routed &&
                                         !policy.allow_untrusted_routing;
                                return context.run_alone(rule);
                              });
  if (effect.rules && rule.keyword != nullptr) {
    // As check_address() and without_permit() do with the outcome of these rules.
    if (!rule.keyword->may_permit) effect.inner_permit = InnerPermit::fails;
    if (rule.keyword->subject == Subject::recipient && routed) {
      effect.inner_permit = InnerPermit::passes;
    }
  }
  return effect;
}

RuleEffect effect_of_unlisted(const ListPolicy& policy, Subject subject, const RuleMoment& moment,
                              const policy::Evidence& evidence, const KnownPatterns& patterns) {
  constexpr auto as_they_are = PatternQuestions::Keys::as_they_are;
  return observe(policy, moment, evidence, patterns, as_they_are, {}, [&](Context& context) {
    const Address* address = subject == Subject::sender ? context.sender() : context.recipient();
    if (address == nullptr || context.is_webhook()) return RuleOutcome::pass;
    if (subject == Subject::sender && address->is_null()) return RuleOutcome::pass;
    return context.judge_listed(nullptr, *address, subject);
  });
}

Destination destination_of(const ListPolicy& policy, const policy::Evidence& evidence) {
  Evaluated result;
  Context context(policy, evidence, policy::Stage::rcpt, result);
  const Address* recipient = context.recipient();
  if (recipient == nullptr || context.is_authorised(*recipient) != Match::yes) {
    return Destination::foreign;
  }
  return recipient->known == DomainClass::relay ? Destination::relay : Destination::ours;
}

RuleEffect effect_of_destination(const ListPolicy& policy, const policy::Evidence& evidence,
                                 const KnownPatterns& patterns) {
  constexpr auto as_they_are = PatternQuestions::Keys::as_they_are;
  const RuleMoment at{.list = ListKind::recipient, .stage = policy::Stage::rcpt};
  return observe(policy, at, evidence, patterns, as_they_are, {}, [](Context& context) {
    const Address* recipient = context.recipient();
    if (recipient == nullptr || context.is_authorised(*recipient) != Match::yes) {
      return RuleOutcome::pass;
    }
    return recipient->known == DomainClass::relay ? RuleOutcome::refuse : RuleOutcome::permit;
  });
}

mail::Mailbox looked_at(const ListPolicy& policy, const policy::Recipient& recipient) {
  policy::Evidence evidence;
  evidence.candidate = recipient;
  Evaluated result;
  Context context(policy, evidence, policy::Stage::rcpt, result);
  const Address* seen = context.recipient();
  if (seen == nullptr || seen->domain.empty()) return recipient.address;
  return {seen->quoted ? mail::quoted_local_part(seen->local) : seen->local, seen->domain};
}

LooksAt looks_at(const ListPolicy& policy, const Rule& rule) {
  LooksAt everything{true, true, true, true, true, true, true, true};
  static_assert(sizeof(LooksAt) == 8, "everything is all of it");
  if (rule.keyword == nullptr) return {};  // always an error of the configuration
  const std::string_view name = rule.keyword->name;
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool network_names = policy.mynetworks.needs_name();
  if (is({"permit", "reject", "defer", "defer_if_permit", "defer_if_reject", "sleep",
          "check_etrn_access"})) {
    return {};
  }
  // They ask about the client, whoever it is: one question stands for all clients.
  if (is({"reject_maps_rbl", "reject_rbl_client"})) return {};
  // A policy server is told everything; two requests at one command are the same.
  if (name == "check_policy_service") return {};
  if (name == "reject_unauth_pipelining") return {.early = true};
  if (is({"permit_sasl_authenticated", "reject_plaintext_session", "permit_tls_clientcerts",
          "permit_tls_all_clientcerts", "check_ccert_access", "check_sasl_access"})) {
    return {.session = true};
  }
  if (is({"reject_multi_recipient_bounce"})) return {.sender = true, .others = true};
  if (is({"permit_mynetworks"})) return {.client = true, .name = network_names};
  if (is({"permit_inet_interfaces"})) return {.client = true};
  if (is({"reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname",
          "reject_rhsbl_client", "reject_rhsbl_reverse_client",
          "check_reverse_client_hostname_access"})) {
    return {.name = true};
  }
  if (name == "check_client_access") {
    return {.client = true, .name = rule.table == nullptr || !rule.table->is_network()};
  }
  if (name == "permit_dnswl_client") return {.recipient = true};
  if (name == "permit_rhswl_client") return {.name = true, .recipient = true};
  if (is({"reject_invalid_helo_hostname", "reject_non_fqdn_helo_hostname",
          "reject_unknown_helo_hostname", "reject_rhsbl_helo", "check_helo_access",
          "permit_naked_ip_address"})) {
    return {.helo = true};
  }
  if (is({"reject_non_fqdn_sender", "reject_unknown_sender_domain", "reject_unlisted_sender",
          "reject_rhsbl_sender", "reject_unverified_sender", "check_sender_access"})) {
    return {.sender = true};
  }
  if (is({"reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch",
          "reject_known_sender_login_mismatch", "reject_unauthenticated_sender_login_mismatch"})) {
    return {.session = true, .sender = true};
  }
  if (is({"reject_unauth_destination", "defer_unauth_destination", "permit_auth_destination",
          "reject_non_fqdn_recipient", "reject_unknown_recipient_domain",
          "reject_unlisted_recipient", "reject_unverified_recipient", "reject_rhsbl_recipient",
          "check_recipient_access", "check_relay_domains"})) {
    return {.recipient = true};
  }
  return everything;
}

}  // namespace postern::dialect::restrictions
