#pragma once

#include <cstdint>
#include <string>

#include "policy/layer.h"
#include "policy/plan.h"

namespace postern::dialect::webhook {

/// Recipients of one message to one webhook at most.
inline constexpr std::uint64_t default_webhook_recipients = 100;

/// The verdict on a message with these refusals, one per control in the policy's order: 550 5.7.26
/// for two permanent refusals; a permanent one takes precedence over temporary ones; else the
/// first. Without refusals it passes on.
policy::Verdict combine(std::vector<policy::Verdict> refusals);

/// The webhook dialect as a layer: judges recipients that webhooks own, and passes on others. The
/// order of its checks at RCPT is part of the API (docs/webhook-policies.md). Thread-safe.
class WebhookLayer final : public policy::Layer {
 public:
  /// `max_recipients`: per message and webhook.
  explicit WebhookLayer(std::uint64_t max_recipients = default_webhook_recipients);

  std::string_view name() const override { return "webhook"; }
  std::string definition() const override;
  bool speaks_at(policy::Stage stage) const override;
  /// At RCPT: the current plan of the candidate's policy, between checks that all webhooks have. At
  /// the end of data: the current plan of the policy of the first accepted recipient. If webhook or
  /// policy were edited after RCPT, the checks of RCPT are repeated first.
  Task<policy::Ruling> judge(policy::Stage stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>& steps) const override;

 private:
  /// The checks of RCPT with the current policy, for recipients that were edited.
  Task<policy::Verdict> judge_edited(policy::Inquiry& inquiry,
                                     std::vector<policy::Step>& steps) const;
  Task<policy::Verdict> judge_message(policy::Inquiry& inquiry,
                                      std::vector<policy::Step>& steps) const;
  Task<policy::Verdict> judge_recipient(policy::Inquiry& inquiry,
                                        std::vector<policy::Step>& steps) const;

  std::uint64_t max_recipients_;
  policy::Plan edited_;
  policy::Plan before_;  ///< before and after the policy's checks
  policy::Plan after_;
};

}  // namespace postern::dialect::webhook
