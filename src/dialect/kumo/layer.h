// Lua hooks as a layer of the decision and as a verifier of credentials.
#pragma once

#include <memory>

#include "dialect/kumo/policy.h"
#include "policy/layer.h"
#include "policy/verifier.h"

namespace postern::dialect::kumo {

/// Asks the policy's handlers at connect, HELO, MAIL, RCPT and at the end of the message. A session
/// keeps the policy it began with. A recipient that nobody owns gets its route here when the policy
/// lets the client relay to it; the handler of RCPT is asked only about recipients that have one.
class KumoLayer final : public policy::Layer {
 public:
  explicit KumoLayer(std::shared_ptr<const Policy> policy) : policy_(std::move(policy)) {}

  std::string_view name() const override { return "lua"; }
  std::string definition() const override { return policy_->definition(); }
  bool speaks_at(policy::Stage stage) const override;
  Task<policy::Verdict> judge(policy::Stage stage, policy::Evidence& evidence,
                              policy::Gatherer& gatherer,
                              std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const Policy> policy_;
};

/// `smtp_server_auth_plain`: AUTH PLAIN and LOGIN. The password is in no step and no record, and of
/// what stores said a record has strangers (script::Withheld); it is left in Evidence::login.
class KumoVerifier final : public policy::Verifier {
 public:
  explicit KumoVerifier(std::shared_ptr<const Policy> policy) : policy_(std::move(policy)) {}

  std::string_view name() const override { return "lua"; }
  bool serves(std::string_view mechanism) const override;
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Evidence& evidence,
                                  policy::Gatherer& gatherer,
                                  std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const Policy> policy_;
};

/// Asks the handler of a recorded login again, in evidence that is offline, and returns its steps.
/// `password`: what the client gave, where somebody knows it; null: a stranger.
Task<std::vector<policy::Step>> judge_again(std::shared_ptr<const Policy> policy,
                                            const policy::LoginRecord& login,
                                            policy::Evidence& evidence, policy::Gatherer& gatherer,
                                            const Secret* password);

/// The policy of a session: the one it began with, else `current`, which it then keeps.
const Policy& policy_of(policy::Evidence& evidence, const std::shared_ptr<const Policy>& current);

}  // namespace postern::dialect::kumo
