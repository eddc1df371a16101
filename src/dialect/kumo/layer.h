// Lua hooks as a policy layer and as a verifier of credentials.
#pragma once

#include <memory>

#include "dialect/kumo/policy.h"
#include "policy/layer.h"
#include "policy/verifier.h"

namespace postern::dialect::kumo {

/// Calls the policy's handlers at connect, HELO, MAIL, RCPT and the end of the message. A session
/// keeps the policy that it began with. A recipient that no route claims gets a relay route here if
/// the policy lets the client relay to it. The handler of RCPT is called only for recipients with a
/// route.
class KumoLayer final : public policy::Layer {
 public:
  /// `policy` is that of new sessions.
  explicit KumoLayer(std::shared_ptr<const LuaPolicy> policy) : policy_(std::move(policy)) {}

  std::string_view name() const override { return "lua"; }
  std::string definition() const override { return policy_->definition(); }
  bool speaks_at(policy::Stage stage) const override;
  Task<policy::Ruling> judge(policy::Stage stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const LuaPolicy> policy_;
};

/// `smtp_server_auth_plain`, for AUTH PLAIN (RFC 4616 §2) and LOGIN. The password appears in no
/// step and no record. Answers from stores are withheld from the record (script::Withheld), which
/// is left in Tape::login.
class KumoVerifier final : public policy::Verifier {
 public:
  /// `policy` is that of new sessions.
  explicit KumoVerifier(std::shared_ptr<const LuaPolicy> policy) : policy_(std::move(policy)) {}

  std::string_view name() const override { return "lua"; }
  bool serves(std::string_view mechanism) const override;
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Inquiry& inquiry,
                                  std::vector<policy::Step>& steps) const override;

 private:
  std::shared_ptr<const LuaPolicy> policy_;
};

/// Calls the handler of a recorded login again; the inquiry's tape must be playing. Returns its
/// steps. `password`: what the client sent, if known; null: a placeholder is used.
Task<std::vector<policy::Step>> judge_again(std::shared_ptr<const LuaPolicy> policy,
                                            const policy::LoginRecord& login,
                                            policy::Inquiry& inquiry, const Secret* password);

/// The policy that the session began with. A session that has none yet gets `current` and keeps it.
const LuaPolicy& policy_of(policy::Inquiry& inquiry,
                           const std::shared_ptr<const LuaPolicy>& current);

}  // namespace postern::dialect::kumo
