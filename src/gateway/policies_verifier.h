#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "net/work_pool.h"
#include "policy/credentials.h"
#include "policy/directory.h"
#include "policy/verifier.h"

namespace postern::gateway {

/// The credentials of all webhook policies; the policy is not known before RCPT. PLAIN and LOGIN;
/// the hashing runs on the pool, each hash in the turn of the account whose it is.
class PoliciesVerifier final : public policy::Verifier {
 public:
  /// Whether an account operates the gateway. Called on event loops.
  using Operates = std::function<bool(const std::string& account)>;

  /// Both outlive it. `patience`: how long a password may wait for a thread. Without `operates`
  /// every account does.
  PoliciesVerifier(const policy::Directory& directory, net::WorkPool& pool,
                   std::chrono::milliseconds patience, Operates operates = {})
      : directory_(directory), pool_(pool), patience_(patience), operates_(std::move(operates)) {}

  std::string_view name() const override { return "policies"; }
  bool serves(std::string_view mechanism) const override {
    return mechanism == "PLAIN" || mechanism == "LOGIN";
  }
  /// The name as it is: `user%pol_...` is a guess at that policy's user alone, `user` at all.
  std::vector<std::string> accounts_of(const std::string& authn_id) const override {
    return {authn_id};
  }
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Evidence& evidence,
                                  policy::Gatherer& gatherer,
                                  std::vector<policy::Step>& steps) const override;
  Task<void> spend(const policy::AuthAttempt& attempt, policy::Evidence& evidence) const override;

 private:
  /// Whether one of the spellings fits. Fault::temporary: its turn did not come.
  Task<Result<bool>> opens(policy::PasswordTry one, std::vector<Secret> spellings,
                           std::string client) const;

  const policy::Directory& directory_;
  net::WorkPool& pool_;
  std::chrono::milliseconds patience_;
  Operates operates_;
};

}  // namespace postern::gateway
