#include <algorithm>

#include "dialect/vsl/layer.h"
#include "dialect/vsl/session_state.h"
#include "policy/inquiry.h"
#include "policy/trace.h"

namespace postern::dialect::vsl {

using policy::AuthAnswer;
using policy::AuthAttempt;

namespace {

AuthAnswer answer_of(const VslPolicy::Ran& ran) {
  using Kind = AuthAnswer::Kind;
  AuthAnswer answer{.kind = Kind::unknown, .identity = {}, .reply = {}, .detail = ran.words()};
  if (!ran.trouble.empty()) {
    answer.kind = Kind::unavailable;
    answer.detail = ran.trouble;
  } else if (ran.status && ran.status->kind != Status::Kind::next) {
    const bool yes =
        ran.status->kind == Status::Kind::accept || ran.status->kind == Status::Kind::faccept;
    answer.kind = yes ? Kind::accepted : Kind::refused;
  }
  return answer;
}

}  // namespace

bool VslVerifier::serves(std::string_view mechanism) const {
  return mechanism == "PLAIN" || mechanism == "LOGIN";
}

std::vector<std::string> VslVerifier::accounts_of(const std::string& authn_id) const {
  std::vector<std::string> all{authn_id};
  for (const auto& source : accounts_) {
    for (std::string& account : source->accounts_of(authn_id)) all.push_back(std::move(account));
  }
  return all;
}

Task<AuthAnswer> VslVerifier::verify(const AuthAttempt& attempt, policy::Inquiry& inquiry,
                                     std::vector<policy::Step>& steps) const {
  const Held held = held_of(inquiry, policy_);
  policy::Authentication known;
  Context context{.evidence = inquiry.evidence,
                  .inquiry = inquiry,
                  .site = held.policy.site(),
                  .draft = held.draft,
                  .stage = policy::Stage::auth,
                  .attempt = &attempt,
                  .authenticate = {}};
  context.authenticate = [&]() -> Task<AuthAnswer> {
    if (accounts_.empty()) co_return AuthAnswer{.detail = "no [[auth.source]] is configured"};
    policy::Asked asked = co_await policy::ask_in_order(accounts_, attempt, inquiry, steps);
    if (asked.answer.kind == AuthAnswer::Kind::accepted) known = asked.answer.identity;
    co_return std::move(asked.answer);
  };
  AuthAnswer answer;
  for (const Directive& directive : held.policy.directives(policy::Stage::auth)) {
    const VslPolicy::Ran ran = co_await held.policy.run(directive, context);
    answer = answer_of(ran);
    policy::Step step =
        policy::step_of(policy::interned(directive.name), directive.place(), answer);
    step.layer = name();
    step.spent = script::words_of(ran.spent);
    steps.push_back(std::move(step));
    if (answer.kind != AuthAnswer::Kind::unknown) break;
  }
  if (answer.kind == AuthAnswer::Kind::accepted) {
    answer.identity = std::move(known);
    // A rule vouches only for the authenticated name (docs/decisions/0033).
    if (answer.identity.username.empty()) answer.identity.username = attempt.authn_id;
    if (answer.identity.authz_id.empty()) answer.identity.authz_id = answer.identity.username;
  }
  co_return answer;
}

}  // namespace postern::dialect::vsl
