#include "serve/edited_webhooks.h"

#include <utility>

#include "admin/publisher.h"
#include "mail/local_part.h"

namespace postern::app {

OtherWebhooks::OtherWebhooks(const policy::Directory& now, const admin::Guards::WebhookEdit& edit)
    : now_(now), left_domains_(edit.removed_domains.begin(), edit.removed_domains.end()) {
  const auto leaves = [&](const std::string& address) {
    if (mail::parse_mailbox(address, mail::Utf8::allowed)) left_.insert(address);
  };
  for (const std::string& address : edit.removed) leaves(address);
  for (const auto& webhook : edit.webhooks) {
    edited_.insert(webhook->id);
    const auto before = now_.webhook(webhook->id);
    if (before && before->address != webhook->address) leaves(before->address);
  }
}

std::shared_ptr<const policy::Webhook> OtherWebhooks::owner(mail::Mailbox address) const {
  auto found = now_.resolve(address).webhook;
  if (!found || stays(*found)) return found;
  const std::string local = address.unquoted_local_part();
  const std::size_t tag = local.find('+');
  const bool was_exact = found->address == policy::address_key(address);
  if (!was_exact || tag == std::string::npos || tag == 0) return nullptr;
  address.local_part = mail::quoted_local_part(local.substr(0, tag));
  found = now_.resolve(address).webhook;
  return found && stays(*found) ? found : nullptr;
}

bool OtherWebhooks::have(const mail::Mailbox& address, const policy::Directory& after) const {
  const policy::Route route = after.resolve(address);
  const auto theirs = owner(address);
  if (theirs && route.webhook) {
    // The more exact address counts.
    const std::string key = policy::address_key(address);
    return route.webhook->id != theirs->id && theirs->address == key &&
           route.webhook->address != key;
  }
  if (theirs || route.webhook) return theirs != nullptr;
  using Missing = policy::Route::Missing;
  return route.missing == Missing::foreign_domain && !left_domains_.contains(address.domain) &&
         now_.resolve(address).missing == Missing::unknown_address;
}

plan::GuardScope OtherWebhooks::scope_of(bool host, plan::Webhooks webhooks,
                                         std::shared_ptr<const policy::Directory> after) const {
  // Shared: scopes are copied.
  auto others = std::make_shared<const OtherWebhooks>(*this);
  return {
      .host = host,
      .webhooks = std::move(webhooks),
      .is_of_others = [others = std::move(others), after = std::move(after)](
                          const mail::Mailbox& address) { return others->have(address, *after); },
      .others = &now_};
}

std::string domain_of(const std::string& address) { return address.substr(address.rfind('@') + 1); }

Result<std::shared_ptr<policy::Directory>> directory_of(
    store::Store& store, std::set<std::string> domains, const plan::Webhooks& webhooks,
    std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies) {
  policy::Change change;
  std::set<std::string> known;
  for (const auto& policy : policies) known.insert(policy->id);
  change.put_policies = std::move(policies);
  change.put_webhooks = webhooks;
  for (const auto& webhook : webhooks) {
    domains.insert(domain_of(webhook->address));
    if (!webhook->policy_id || !known.insert(*webhook->policy_id).second) continue;
    const auto row = store.policy(webhook->account_id, *webhook->policy_id);
    if (!row) return tl::unexpected(row.error());
    if (!*row) continue;
    auto compiled = admin::to_policy(**row);
    if (!compiled) return tl::unexpected(compiled.error());
    change.put_policies.push_back(std::move(*compiled));
  }
  change.put_domains.assign(domains.begin(), domains.end());
  auto made = std::make_shared<policy::Directory>();
  made->apply(std::move(change));
  return made;
}

}  // namespace postern::app
