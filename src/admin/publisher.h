// The one way into the hot path's memory: writes a change to the store and, before anybody is told
// that it worked, to the policy::Directory. One edit at a time, so that both see the same order.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/directory.h"
#include "policy/dkim_keyring.h"
#include "store/store.h"

namespace postern::admin {

/// The store's rows as the hot path sees them.
std::shared_ptr<const policy::Webhook> to_webhook(const store::WebhookRow& row,
                                                  const Secret& signing_seed);
Result<std::shared_ptr<const policy::WebhookPolicy>> to_policy(const store::PolicyRow& row);
/// `keys`: one domain's, at least one, newest first, of which the first of each algorithm signs.
std::shared_ptr<const policy::DkimSigner> to_signer(const std::vector<store::DkimKeyRow>& keys);

/// Blocks on the disk: call it on a worker thread. Safe from any thread.
class Publisher {
 public:
  /// `public_domain` is ours from the start: unknown addresses there are 550 5.1.1. `keyring` null:
  /// nobody signs mail in this process.
  Publisher(store::Store& store, policy::Directory& directory, const std::string& public_domain,
            policy::DkimKeyring* keyring = nullptr);

  /// Fills directory and keyring from the store; once, before mail is taken.
  Result<void> load();

  Result<store::Outcome> create_policy(const store::PolicyRow& policy,
                                       const store::AuditRow& audit);
  Result<store::Outcome> update_policy(const store::PolicyRow& policy,
                                       std::uint64_t expected_version,
                                       const store::AuditRow& audit);
  Result<store::PolicyDeleted> delete_policy(
      const std::string& account, const std::string& id,
      std::optional<std::uint64_t> expected_version, store::IfUsed if_used, store::Time at,
      const std::function<store::AuditRow(const std::vector<std::string>& detached)>& audit);

  Result<store::Outcome> create_webhook(const store::WebhookRow& webhook,
                                        const store::AuditRow& audit);
  Result<store::Outcome> update_webhook(const store::WebhookRow& webhook,
                                        std::uint64_t expected_version,
                                        const store::AuditRow& audit);
  /// For an endpoint that says it is gone (HTTP 410): no mail until its owner activates it again.
  Result<void> switch_off_webhook(const std::string& account, const std::string& id,
                                  const std::string& why);
  Result<store::Outcome> delete_webhook(const std::string& account, const std::string& id,
                                        std::optional<std::uint64_t> expected_version,
                                        const store::AuditRow& audit);

  Result<store::DomainVerified> verify_domain(const std::string& account,
                                              const store::DomainRow& domain, store::Time at,
                                              const store::AuditRow& audit);
  Result<store::Outcome> delete_domain(const std::string& account, const store::DomainRow& domain,
                                       const store::AuditRow& audit);

  /// As store::Store::note_domain_check(); a domain that is no longer verified no longer signs.
  Result<store::Outcome> note_domain_check(const store::DomainRow& domain, store::Time at,
                                           std::optional<store::Time> failing_since, bool verified);
  Result<store::Outcome> set_dkim_key_signing(const store::DomainRow& domain,
                                              const std::string& selector, bool signing,
                                              store::Time at, const store::AuditRow& audit);

  Result<store::AccountDeleted> delete_account(const std::string& account,
                                               const store::AuditRow& audit);
  /// An empty seed switches `v1a` signatures off; all of the account's webhooks follow at once.
  Result<store::Outcome> set_signing_key(const std::string& account, const Secret& seed,
                                         const std::string& public_key,
                                         const store::AuditRow& audit);

 private:
  Secret seed_of(const std::string& account) const;
  Result<void> publish_policy(const std::string& account, const std::string& id);
  Result<void> publish_webhooks(const std::string& account, const std::vector<std::string>& ids,
                                policy::Change change);
  Result<void> publish_all_webhooks(const std::string& account);
  Result<void> publish_signer(const std::string& domain);
  Result<void> load_signers();

  store::Store& store_;
  policy::Directory& directory_;
  std::string public_domain_;
  policy::DkimKeyring* keyring_;
  std::mutex mutex_;  ///< held over store and directory
  std::unordered_map<std::string, Secret> seeds_;
};

}  // namespace postern::admin
