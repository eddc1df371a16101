#include "gateway/policies_verifier.h"

#include "policy/credentials.h"

namespace postern::gateway {

using policy::AuthAnswer;
using Said = AuthAnswer::Kind;

Task<AuthAnswer> PoliciesVerifier::verify(const policy::AuthAttempt& attempt, policy::Evidence&,
                                          policy::Gatherer&, std::vector<policy::Step>&) const {
  if (!directory_.has_credentials()) co_return AuthAnswer{.detail = "no policy has credentials"};
  auto check = std::make_shared<policy::PasswordCheck>(
      policy::plan_password_check(directory_, attempt.authn_id, attempt.password));
  const bool known = !check->matches.empty();
  if (!check->hash) co_return AuthAnswer{.detail = "no password that bcrypt can tell apart"};
  auto work = [check, password = attempt.password] {
    return policy::check_password(*check, password);
  };
  auto granted = co_await pool_.run(std::move(work));
  if (!granted)
    co_return AuthAnswer{.kind = Said::unavailable, .detail = "too many passwords wait"};
  if (!*granted) {
    co_return AuthAnswer{.kind = known ? Said::refused : Said::unknown,
                         .detail = known ? "wrong password" : "no such user"};
  }
  AuthAnswer answer{.kind = Said::accepted};
  answer.identity.username = check->username;
  answer.identity.granted = std::move(**granted);
  co_return answer;
}

}  // namespace postern::gateway
