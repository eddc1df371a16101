#include "gateway/policies_verifier.h"

#include <algorithm>
#include <set>

#include "base/subscriber.h"
#include "policy/bcrypt.h"
#include "policy/credentials.h"
#include "policy/inquiry.h"
#include "policy/step.h"

namespace postern::gateway {

using policy::AuthAnswer;
using Said = AuthAnswer::Kind;

/// Runs one job for each hash and spelling in the turn of the hash's account, so that an account
/// waits for at most one hash of another account.
Task<Result<bool>> PoliciesVerifier::opens(policy::PasswordTry one, std::vector<Secret> spellings,
                                           std::string client) const {
  bool right = false;
  for (Secret& spelling : spellings) {
    if (right) break;
    auto work = [hash = one.hash, sent = std::move(spelling)] {
      return policy::bcrypt_verify(sent, hash);
    };
    const Result<bool> done = co_await pool_.run(
        {.account = one.account, .client = client, .patience = patience_}, std::move(work));
    if (!done) co_return tl::unexpected<Error>(done.error());
    right = *done;
  }
  co_return right;
}

Task<AuthAnswer> PoliciesVerifier::verify(const policy::AuthAttempt& attempt,
                                          policy::Inquiry& inquiry,
                                          std::vector<policy::Step>&) const {
  if (!directory_.has_credentials()) co_return AuthAnswer{.detail = "no policy has credentials"};
  const policy::PasswordCheck check =
      policy::plan_password_check(directory_, attempt.authn_id, attempt.password);
  if (check.spellings.empty())
    co_return AuthAnswer{.detail = "no password that bcrypt can tell apart"};
  AuthAnswer answer{.kind = Said::accepted};
  std::set<std::string> opened;   // accounts
  std::set<std::string> unasked;  // accounts without a thread in time
  std::string why;
  for (const policy::PasswordTry& one : check.tries) {
    const bool asked = !attempt.only || std::ranges::any_of(one.opens, [&](const auto& policy) {
      return attempt.only->opened.contains(policy.first);
    });
    if (!asked) continue;
    if (one.hash.empty()) {
      why = "a policy cannot be read";
      unasked.insert(one.account);
      continue;
    }
    const Result<bool> right =
        co_await opens(one, check.spellings, subscriber_key(inquiry.evidence.session.client_ip));
    if (!right) {
      why = "too many passwords wait: " + right.error().message;
      unasked.insert(one.account);
    } else if (*right) {
      opened.insert(one.account);
      answer.identity.granted.insert(one.opens.begin(), one.opens.end());
    }
  }
  // If one account's hashes could not be compared in time, other accounts are not affected.
  const bool known_enough = !opened.empty() && std::ranges::none_of(opened, [&](const auto& one) {
    return unasked.contains(one);
  });
  if (!unasked.empty() && !known_enough)
    co_return AuthAnswer{.kind = Said::unavailable, .detail = why};
  if (opened.empty()) {
    co_return AuthAnswer{.kind = check.known ? Said::refused : Said::unknown,
                         .detail = check.known ? "wrong password" : "no such user",
                         .known = check.known};
  }
  answer.identity.username = check.username;
  answer.identity.tenant = operates_ && std::ranges::none_of(opened, operates_);
  co_return answer;
}

Task<void> PoliciesVerifier::spend(const policy::AuthAttempt& attempt,
                                   const policy::Evidence& evidence) const {
  if (!directory_.has_credentials()) co_return;
  const policy::PasswordCheck check =
      policy::plan_password_check(directory_, attempt.authn_id, attempt.password);
  for (const policy::PasswordTry& one : check.tries)
    (void)co_await opens(one, check.spellings, subscriber_key(evidence.session.client_ip));
}

}  // namespace postern::gateway
