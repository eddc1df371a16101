// Keywords about the client's login; docs/restriction-keywords.md lists them.
#include "dialect/restrictions/judges.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/replies.h"

namespace postern::dialect::restrictions {

namespace {

/// Whether the client has a login, and to whom the sender's address belongs.
struct Ownership {
  Found::Status status = Found::Status::absent;  ///< of the look-up in smtpd_sender_login_maps
  std::string trouble;                           ///< if failed
  bool by_client = false;                        ///< the client's login is among the owners
};

Ownership ownership(Context& context, const Address& sender) {
  const ListPolicy& policy = context.policy();
  const bool here = sender.known == DomainClass::local || sender.domain == policy.myorigin;
  const Found found =
      policy.sender_login_maps.find(address_keys(sender, policy, here), &context.replies());
  Ownership owned{.status = found.status, .trouble = found.trouble, .by_client = false};
  if (owned.status != Found::Status::found) return owned;
  owned.by_client = std::ranges::any_of(owners_in(found.value), [&](std::string_view owner) {
    return iequals(owner, context.login_name());
  });
  return owned;
}

/// What a keyword refuses.
struct Refuses {
  bool with_login = false;     ///< clients with a login that does not own the address
  bool unowned = false;        ///< of these also for addresses without owner
  bool without_login = false;  ///< clients without login, for addresses with an owner
};

RuleOutcome mismatch(Context& context, const Rule& rule, const Refuses& refuses) {
  if (!context.policy().sasl) return context.pass("AUTH is switched off");
  const Address* sender = context.sender();
  if (sender == nullptr) return context.pass(not_known_yet);
  if (sender->is_null()) return context.pass("the null reverse-path");
  const auto client = context.authenticated();
  if (client ? !refuses.with_login : !refuses.without_login) {
    return client ? context.pass(client.words()) : context.pass(client.words_without_login());
  }
  if (sender->known == DomainClass::unknown) return context.domain_trouble(rule);
  const Ownership owned = ownership(context, *sender);
  switch (owned.status) {
    case Found::Status::waiting:
      return RuleOutcome::wait;
    case Found::Status::failed:
      return context.lookup_trouble(rule, owned.trouble);
    case Found::Status::absent:
      if (client && refuses.unowned) break;
      return context.pass("the address has no owner");
    case Found::Status::found:
      if (owned.by_client) return context.pass("the client owns the address");
      break;
  }
  const auto& words = client ? replies::not_owned : replies::not_logged_in;
  const std::string name = client ? smtp::echo(context.login_name()) : std::string();
  return context.refuse(rule, words.code, words.enhanced, std::string(words.text) + name);
}

}  // namespace

std::vector<std::string_view> owners_in(std::string_view value) {
  constexpr std::string_view separators = ", \t\r\n";
  std::vector<std::string_view> owners;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find_first_of(separators), value.size());
    if (end > 0) owners.push_back(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return owners;
}

RuleOutcome judge_authenticated_mismatch(Context& context, const Rule& rule) {
  return mismatch(context, rule, {.with_login = true, .unowned = true});
}

RuleOutcome judge_unauthenticated_mismatch(Context& context, const Rule& rule) {
  return mismatch(context, rule, {.without_login = true});
}

RuleOutcome judge_known_mismatch(Context& context, const Rule& rule) {
  return mismatch(context, rule, {.with_login = true, .without_login = true});
}

RuleOutcome judge_login_mismatch(Context& context, const Rule& rule) {
  return mismatch(context, rule, {.with_login = true, .unowned = true, .without_login = true});
}

RuleOutcome judge_sasl_access(Context& context, const Rule& rule) {
  if (!context.policy().sasl) return context.pass("AUTH is switched off");
  if (context.login_name().empty()) return context.pass(context.authenticated().words());
  return check_key(context, rule, context.login_name(), Subject::login);
}

}  // namespace postern::dialect::restrictions
