// Drafts of lists and policies in a request: what would decide if they were put.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "admin/core.h"
#include "admin/ports.h"
#include "policy/webhook.h"

namespace postern::admin {

/// What a request would put; the rest is as it runs.
struct Draft {
  /// Judged lists; nullopt: the running ones.
  std::optional<Lists> lists;
  /// Replace the stored policies with the same ids.
  std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies;
};

/// Whether a draft may change the passwords of a policy. A new password is not hashed: nobody
/// authenticates with it, and it is none that is stored.
enum class DraftPasswords { refused, new_ones };

/// The members `connection_policies` and `smtp_policies` of `given`; `field` names it in errors.
/// Throws what a PUT of each would be refused with, except that lists may be an open relay. Blocks
/// on the disk.
Draft read_draft(const Core& core, const Call& call, const boost::json::object& given,
                 std::string_view field, DraftPasswords passwords);
/// The stored policy changed by the members of `body`, as PUT would do.
std::shared_ptr<const policy::WebhookPolicy> draft_policy(const store::PolicyRow& row,
                                                          const boost::json::object& body,
                                                          std::string_view field,
                                                          DraftPasswords passwords);

/// Both sides with the webhooks that have one of their policies. Blocks on the disk.
void add_webhooks(const Core& core, PlanRequest& request);

}  // namespace postern::admin
