#include "policy/verifier.h"

#include "policy/inquiry.h"
#include "policy/layer.h"
#include "policy/replies.h"
#include "policy/step.h"

namespace postern::policy {

namespace {

/// An exception counts as `unavailable`.
Task<AuthAnswer> ask(const Verifier& verifier, const AuthAttempt& attempt, Inquiry& inquiry,
                     std::vector<Step>& steps) {
  AuthAnswer trouble{.kind = AuthAnswer::Kind::unavailable};
  try {
    AuthAnswer answer = co_await verifier.verify(attempt, inquiry, steps);
    co_return answer;
  } catch (const std::exception& error) {
    trouble.detail = error.what();
  }
  co_return trouble;
}

/// An exception does not change an answer that was given.
Task<void> spend(const Verifier& verifier, const AuthAttempt& attempt, const Evidence& evidence) {
  try {
    co_await verifier.spend(attempt, evidence);
  } catch (const std::exception&) {
  }
}

}  // namespace

Task<void> Verifier::spend(const AuthAttempt&, const Evidence&) const { co_return; }

Task<Result<std::optional<ScramKeys>>> Verifier::scram_keys(std::string, std::string) const {
  co_return std::optional<ScramKeys>();
}

Step step_of(std::string_view name, std::string origin, const AuthAnswer& answer) {
  Step step{.stage = Stage::auth, .layer = "auth", .check = name, .origin = std::move(origin)};
  switch (answer.kind) {
    case AuthAnswer::Kind::unknown:
      step.verdict = pass_on(answer.detail);
      break;
    case AuthAnswer::Kind::accepted:
      step.verdict = permit(answer.detail);
      break;
    case AuthAnswer::Kind::refused:
      step.verdict = {Verdict::Kind::reject, replies::login_failed(), answer.detail};
      break;
    case AuthAnswer::Kind::unavailable:
      step.verdict = replies::trouble(Stage::auth, questions::Trouble::unanswered, answer.detail);
      break;
  }
  return step;
}

Task<Asked> ask_in_order(const Verifiers& verifiers, const AuthAttempt& attempt, Inquiry& inquiry,
                         std::vector<Step>& steps) {
  Asked asked;
  for (const auto& verifier : verifiers) {
    if (!verifier->serves(attempt.mechanism)) continue;
    if (attempt.only && attempt.only->verifier != verifier->name()) continue;
    if (asked.answer.kind == AuthAnswer::Kind::refused) {
      co_await spend(*verifier, attempt, inquiry.evidence);
      continue;
    }
    const std::size_t before = steps.size();
    asked.by = verifier->name();
    AuthAnswer said = co_await ask(*verifier, attempt, inquiry, steps);
    asked.answer = std::move(said);
    if (steps.size() == before) steps.push_back(step_of(asked.by, {}, asked.answer));
    const bool goes_on = asked.answer.kind == AuthAnswer::Kind::unknown ||
                         asked.answer.kind == AuthAnswer::Kind::refused;
    if (!goes_on) break;
  }
  co_return asked;
}

}  // namespace postern::policy
