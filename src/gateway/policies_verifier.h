#pragma once

#include "net/work_pool.h"
#include "policy/directory.h"
#include "policy/verifier.h"

namespace postern::gateway {

/// The credentials of all webhook policies; the policy is not known before RCPT. PLAIN and LOGIN;
/// the hashing runs on the pool.
class PoliciesVerifier final : public policy::Verifier {
 public:
  /// Both outlive it.
  PoliciesVerifier(const policy::Directory& directory, net::WorkPool& pool)
      : directory_(directory), pool_(pool) {}

  std::string_view name() const override { return "policies"; }
  bool serves(std::string_view mechanism) const override {
    return mechanism == "PLAIN" || mechanism == "LOGIN";
  }
  /// Whichever policy the name selects.
  std::vector<std::string> accounts_of(const std::string& authn_id) const override {
    return {std::string(policy::split_login(authn_id).username)};
  }
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Evidence& evidence,
                                  policy::Gatherer& gatherer,
                                  std::vector<policy::Step>& steps) const override;

 private:
  const policy::Directory& directory_;
  net::WorkPool& pool_;
};

}  // namespace postern::gateway
