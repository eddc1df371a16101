// Every webhook, policy and credential in memory, as the hot path asks for them.
#pragma once

#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mail/address.h"
#include "policy/webhook.h"

namespace postern::policy {

/// One edit of the control plane, applied as a whole: readers see all of it or nothing.
struct Change {
  std::vector<std::shared_ptr<const Webhook>> put_webhooks;
  std::vector<std::string> remove_webhooks;  ///< ids
  std::vector<std::shared_ptr<const WebhookPolicy>> put_policies;
  std::vector<std::string> remove_policies;  ///< ids; put their webhooks without policy_id too
  std::vector<std::string> put_domains;      ///< domains whose unknown addresses are 550 5.1.1
  std::vector<std::string> remove_domains;
};

/// A credential with the policy it opens.
struct CredentialMatch {
  std::shared_ptr<const WebhookPolicy> policy;
  Secret hash;
  std::uint64_t order = 0;
};

/// Lookups are O(1) in the number of webhooks and policies, an edit is O(what it names). Safe from
/// any thread; an edit is visible to the next lookup when apply() returns.
class Directory {
 public:
  void apply(Change change);

  /// Who owns the address: exact first, then without `+tag` (case-insensitive both).
  Route resolve(const mail::Mailbox& address) const;
  std::shared_ptr<const Webhook> webhook(std::string_view id) const;
  std::shared_ptr<const WebhookPolicy> policy(std::string_view id) const;
  /// Credentials under this user name over all policies, oldest first. `user%pol_<ULID>` selects
  /// one policy. At most `limit` distinct hashes.
  std::vector<CredentialMatch> credentials(std::string_view username, std::size_t limit) const;
  std::size_t webhook_count() const;
  std::size_t policy_count() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  template <class T>
  using Map = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  void forget_credentials(const WebhookPolicy& policy);

  mutable std::shared_mutex mutex_;
  Map<std::shared_ptr<const Webhook>> by_id_;
  Map<std::shared_ptr<const Webhook>> by_address_;
  Map<std::shared_ptr<const WebhookPolicy>> policies_;
  Map<std::vector<std::string>> policies_by_user_;  ///< user name -> policy ids
  std::unordered_set<std::string, Hash, std::equal_to<>> domains_;
};

}  // namespace postern::policy
