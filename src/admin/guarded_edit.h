// An edit that may not break a guardrail (docs/guardrails.md): 409 with the dialogue, and nothing
// is changed.
#pragma once

#include <memory>

#include "admin/core.h"
#include "admin/ports.h"
#include "admin/running_lists.h"

namespace postern::admin {

/// Attempts to merge concurrent edits of a policy or webhook before the client must try again.
inline constexpr int update_tries = 3;

/// From the proof to the end of the edit: no other edit that is guarded happens in between. Without
/// guardrails it does nothing. Its functions throw 409 `guardrail_violated` or
/// `guardrail_not_proved`, and block: use it on a disk thread.
class GuardedEdit {
 public:
  /// `core` outlives it.
  explicit GuardedEdit(Core& core);

  /// These lists come into force, by an operator.
  void lists(const Lists& next) const;
  /// The webhook is put as this row has it.
  void webhook(const Call& call, const store::WebhookRow& row) const;
  /// The webhook is deleted.
  void removal(const Call& call, const store::WebhookRow& row) const;
  /// All webhooks of the caller's account are deleted, and its domains.
  void removal_of_all(const Call& call) const;
  /// The domain is verified, or is not any more.
  void domain(const Call& call, const std::string& name, bool is_verified) const;
  /// The policy is put as this row has it.
  void policy(const Call& call, const store::PolicyRow& row) const;
  /// The policy is deleted, and its webhooks are without one.
  void detachment(const Call& call, const store::PolicyRow& row) const;

 private:
  void refuse(const Call& call, const Guards::WebhookEdit& edit) const;

  Core& core_;
  Guards* guards_;              ///< null: there are no guardrails
  std::shared_ptr<void> held_;  ///< Guards::hold()
};

}  // namespace postern::admin
