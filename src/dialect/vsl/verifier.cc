#include <algorithm>

#include "dialect/vsl/layer.h"
#include "dialect/vsl/session_state.h"

namespace postern::dialect::vsl {

namespace {

using policy::AuthAnswer;
using policy::AuthAttempt;

/// The first of the verifiers that knows the name.
Task<AuthAnswer> ask_accounts(const std::vector<std::shared_ptr<const policy::Verifier>>& accounts,
                              const AuthAttempt& attempt, policy::Evidence& evidence,
                              policy::Gatherer& gatherer, std::vector<policy::Step>& steps) {
  AuthAnswer answer;
  for (const auto& verifier : accounts) {
    if (!verifier->serves(attempt.mechanism)) continue;
    AuthAnswer said = co_await verifier->verify(attempt, evidence, gatherer, steps);
    answer = std::move(said);
    if (answer.kind != AuthAnswer::Kind::unknown) break;
  }
  co_return answer;
}

}  // namespace

bool VslVerifier::serves(std::string_view mechanism) const {
  return mechanism == "PLAIN" || mechanism == "LOGIN";
}

Task<AuthAnswer> VslVerifier::verify(const AuthAttempt& attempt, policy::Evidence& evidence,
                                     policy::Gatherer& gatherer,
                                     std::vector<policy::Step>& steps) const {
  const Held held = held_of(evidence, policy_);
  policy::Authentication known;
  Context context{.evidence = evidence,
                  .gatherer = gatherer,
                  .site = held.policy.site(),
                  .draft = held.draft,
                  .stage = policy::Stage::auth,
                  .attempt = &attempt,
                  .authenticate = {}};
  context.authenticate = [&]() -> Task<AuthAnswer> {
    AuthAnswer answer = co_await ask_accounts(accounts_, attempt, evidence, gatherer, steps);
    if (answer.kind == AuthAnswer::Kind::accepted) known = answer.identity;
    co_return answer;
  };
  AuthAnswer answer;
  for (const Directive& directive : held.policy.directives(policy::Stage::auth)) {
    Policy::Ran ran = co_await held.policy.run(directive, context);
    answer.detail = std::string(directive.name);
    if (!ran.trouble.empty()) {
      answer.kind = AuthAnswer::Kind::unavailable;
      answer.detail = ran.trouble;
      break;
    }
    if (!ran.status || ran.status->kind == Status::Kind::next) continue;
    const bool yes =
        ran.status->kind == Status::Kind::accept || ran.status->kind == Status::Kind::faccept;
    answer.kind = yes ? AuthAnswer::Kind::accepted : AuthAnswer::Kind::refused;
    answer.detail += ": " + std::string(to_string(ran.status->kind));
    break;
  }
  if (answer.kind == AuthAnswer::Kind::accepted) {
    answer.identity = std::move(known);
    // A rule vouches for the name that was proved, for no other (DESIGN §9.1).
    if (answer.identity.username.empty()) answer.identity.username = attempt.authn_id;
    if (answer.identity.authz_id.empty()) answer.identity.authz_id = answer.identity.username;
  }
  co_return answer;
}

}  // namespace postern::dialect::vsl
