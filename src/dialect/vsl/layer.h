// `.vsl` rules as a policy layer and as a verifier of credentials.
#pragma once

#include <functional>
#include <memory>

#include "dialect/vsl/policy.h"
#include "policy/layer.h"
#include "policy/verifier.h"

namespace postern::dialect::vsl {

/// Runs the policy's directives at every stage, `queued` and `delivery` included. Their changes to
/// the message are in Evidence::copies after Stage::message and the two later stages. A session
/// keeps the policy that it began with.
///
/// `accept` and `faccept` permit for this layer only. A recipient that no route claims gets a route
/// here if its domain is local, if the client is in Site::relay_networks, or if check_rcpt_relay()
/// grants it.
class VslLayer final : public policy::Layer {
 public:
  /// Of new sessions.
  explicit VslLayer(std::shared_ptr<const VslPolicy> policy) : policy_(std::move(policy)) {}

  std::string_view name() const override { return "vsl"; }
  std::string definition() const override { return policy_->definition(); }
  bool speaks_at(policy::Stage stage) const override;
  Task<policy::Ruling> judge(policy::Stage stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const VslPolicy> policy_;
};

/// The stage `authenticate`, for AUTH PLAIN (RFC 4616 §2) and LOGIN. `accept` and `faccept`
/// authenticate, `deny` refuses; without any of them the user is unknown to this verifier. The
/// password appears in no step and no record, so a recorded attempt is not replayed.
class VslVerifier final : public policy::Verifier {
 public:
  /// `accounts`: the verifiers that `authenticate()` asks, in order.
  VslVerifier(std::shared_ptr<const VslPolicy> policy, policy::Verifiers accounts)
      : policy_(std::move(policy)), accounts_(std::move(accounts)) {}

  std::string_view name() const override { return "vsl"; }
  bool serves(std::string_view mechanism) const override;
  std::vector<std::string> accounts_of(const std::string& authn_id) const override;
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Inquiry& inquiry,
                                  std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const VslPolicy> policy_;
  policy::Verifiers accounts_;
};

}  // namespace postern::dialect::vsl
