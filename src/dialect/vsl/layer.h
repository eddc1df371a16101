// Rules of `.vsl` as a layer of the decision and as a verifier of credentials.
#pragma once

#include <functional>
#include <memory>

#include "dialect/vsl/policy.h"
#include "policy/layer.h"
#include "policy/verifier.h"

namespace postern::dialect::vsl {

/// Asks the policy's directives at every stage, `queued` and `delivery` included; what they made of
/// the message is in Evidence::copies behind Stage::message and the two that follow. A session
/// keeps the policy it began with.
///
/// `accept` and `faccept` are this layer's permit alone. A recipient that nobody owns gets its
/// route here when its domain is ours, when the client is in Site::relay_networks, or when
/// check_rcpt_relay() grants it.
class VslLayer final : public policy::Layer {
 public:
  explicit VslLayer(std::shared_ptr<const Policy> policy) : policy_(std::move(policy)) {}

  std::string_view name() const override { return "vsl"; }
  std::string definition() const override { return policy_->definition(); }
  bool speaks_at(policy::Stage stage) const override;
  Task<policy::Verdict> judge(policy::Stage stage, policy::Evidence& evidence,
                              policy::Gatherer& gatherer,
                              std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const Policy> policy_;
};

/// The stage `authenticate`: AUTH PLAIN and LOGIN. Only `accept` and `faccept` authenticate, `deny`
/// refuses; who is not spoken of is unknown here. The password is in no step and no record: a
/// recorded attempt is not made again.
class VslVerifier final : public policy::Verifier {
 public:
  /// `accounts`: whom `authenticate()` asks, in order.
  VslVerifier(std::shared_ptr<const Policy> policy, policy::Verifiers accounts)
      : policy_(std::move(policy)), accounts_(std::move(accounts)) {}

  std::string_view name() const override { return "vsl"; }
  bool serves(std::string_view mechanism) const override;
  std::vector<std::string> accounts_of(const std::string& authn_id) const override;
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Evidence& evidence,
                                  policy::Gatherer& gatherer,
                                  std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const Policy> policy_;
  policy::Verifiers accounts_;
};

}  // namespace postern::dialect::vsl
