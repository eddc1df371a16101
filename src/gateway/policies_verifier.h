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

/// Checks credentials of all webhook policies, as the policy is unknown before RCPT. Serves PLAIN
/// and LOGIN. Hashes are compared on the pool, each in the turn of its policy's account.
class PoliciesVerifier final : public policy::Verifier {
 public:
  /// Whether an account operates the gateway. Called on event loops: it must not block.
  using Operates = std::function<bool(const std::string& account)>;

  /// `directory` and `pool` outlive the verifier. `patience`: the longest wait for a thread.
  /// Without `operates`, every account operates the gateway.
  PoliciesVerifier(const policy::Directory& directory, net::WorkPool& pool,
                   std::chrono::milliseconds patience, Operates operates = {})
      : directory_(directory), pool_(pool), patience_(patience), operates_(std::move(operates)) {}

  /// "policies" in traces.
  std::string_view name() const override { return "policies"; }
  /// PLAIN (RFC 4616 §2) and LOGIN.
  bool serves(std::string_view mechanism) const override {
    return mechanism == "PLAIN" || mechanism == "LOGIN";
  }
  /// The name itself: `user%pol_...` is a guess at that policy's user only, `user` one at all
  /// policies.
  std::vector<std::string> accounts_of(const std::string& authn_id) const override {
    return {authn_id};
  }
  /// Grants the policies whose credentials match.
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Inquiry& inquiry,
                                  std::vector<policy::Step>& steps) const override;
  /// Takes as long as verify().
  Task<void> spend(const policy::AuthAttempt& attempt,
                   const policy::Evidence& evidence) const override;

 private:
  /// Whether one of the spellings matches. Fault::temporary: no thread within the patience.
  Task<Result<bool>> opens(policy::PasswordTry one, std::vector<Secret> spellings,
                           std::string client) const;

  const policy::Directory& directory_;
  net::WorkPool& pool_;
  std::chrono::milliseconds patience_;
  Operates operates_;
};

}  // namespace postern::gateway
