// An edit of webhooks beside all that it leaves as they are.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "admin/ports.h"
#include "mail/address.h"
#include "plan/guard.h"
#include "policy/directory.h"
#include "store/store.h"

namespace postern::app {

/// The webhooks and domains that an edit leaves as they are. Thread-safe.
class OtherWebhooks {
 public:
  /// `now`: before the edit; outlives this object.
  OtherWebhooks(const policy::Directory& now, const admin::Guards::WebhookEdit& edit);

  /// The addresses that a webhook has before the edit, and does not have any more.
  const std::set<std::string>& left() const { return left_; }
  /// The one among them that mail for the address goes to, without those of the edit; null: none.
  std::shared_ptr<const policy::Webhook> owner(mail::Mailbox address) const;
  /// Whether mail for the address goes to one of them, or to a domain of theirs, which `after`,
  /// with what is edited, does not have.
  bool have(const mail::Mailbox& address, const policy::Directory& after) const;
  /// What guardrails are proved for where `after` has no more than the edit is about: mail for the
  /// host if it may be judged otherwise, and for `webhooks`. The directory that this object was
  /// made with outlives the result.
  plan::GuardScope scope_of(bool host, plan::Webhooks webhooks,
                            std::shared_ptr<const policy::Directory> after) const;

 private:
  bool stays(const policy::Webhook& webhook) const {
    return !edited_.contains(webhook.id) && !left_.contains(webhook.address);
  }

  const policy::Directory& now_;
  std::set<std::string> left_;
  std::set<std::string> left_domains_;
  std::set<std::string> edited_;  ///< ids
};

/// The domain of a webhook's address, "in@hooks.example".
std::string domain_of(const std::string& address);

/// A directory of these webhooks, their domains and others. `policies` replace those that are
/// stored. Blocks. Fails as the store does, and where a policy cannot be read.
Result<std::shared_ptr<policy::Directory>> directory_of(
    store::Store& store, std::set<std::string> domains, const plan::Webhooks& webhooks,
    std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies);

}  // namespace postern::app
