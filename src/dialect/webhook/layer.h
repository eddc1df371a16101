#pragma once

#include <cstdint>
#include <string>

#include "policy/layer.h"

namespace postern::dialect::webhook {

/// Recipients of one message to one webhook.
inline constexpr std::uint64_t default_webhook_recipients = 100;

/// The one answer to a message whose controls gave these refusals, one a control, in the policy's
/// order: two that no retry can help are 550 5.7.26; a permanent one comes before a temporary one;
/// else the first. Passes on without a refusal.
policy::Verdict combine(std::vector<policy::Verdict> refusals);

/// The webhook dialect as a layer: judges the recipients that webhooks own and has no opinion on
/// others. The order of its checks at RCPT is part of the contract (docs/webhook-policies.md).
class WebhookLayer final : public policy::Layer {
 public:
  explicit WebhookLayer(std::uint64_t max_recipients = default_webhook_recipients);

  std::string_view name() const override { return "webhook"; }
  std::string definition() const override;
  bool speaks_at(policy::Stage stage) const override;
  /// At RCPT the plan of the candidate's policy as it is now, between the checks every webhook has;
  /// at the end of data the plan of the first accepted recipient's policy as it is then. Where that
  /// is not what judged RCPT, its checks of RCPT come first.
  Task<policy::Verdict> judge(policy::Stage stage, policy::Evidence& evidence,
                              policy::Gatherer& gatherer,
                              std::vector<policy::Step>& steps) const override;

 private:
  /// The checks of RCPT by what is in force now, of recipients that were edited since.
  Task<policy::Verdict> judge_edited(policy::Evidence& evidence, policy::Gatherer& gatherer,
                                     std::vector<policy::Step>& steps) const;
  Task<policy::Verdict> judge_message(policy::Evidence& evidence, policy::Gatherer& gatherer,
                                      std::vector<policy::Step>& steps) const;
  Task<policy::Verdict> judge_recipient(policy::Evidence& evidence, policy::Gatherer& gatherer,
                                        std::vector<policy::Step>& steps) const;

  std::uint64_t max_recipients_;
  policy::Plan edited_;
  policy::Plan before_;  ///< the policy's own checks
  policy::Plan after_;
};

}  // namespace postern::dialect::webhook
