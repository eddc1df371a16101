// Applies changes to the hot path's memory: writes them to the store and, before the caller learns
// of success, to the policy::Directory. One change at a time, so that both have the same order.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/directory.h"
#include "policy/dkim_keyring.h"
#include "store/store.h"

namespace postern::admin {

/// The row as the hot path uses it. `signing_seed` empty: no `v1a` signatures.
std::shared_ptr<const policy::Webhook> to_webhook(const store::WebhookRow& row,
                                                  const Secret& signing_seed);
/// The same for a policy. Fault::malformed: the definition cannot be read.
Result<std::shared_ptr<const policy::WebhookPolicy>> to_policy(const store::PolicyRow& row);
/// `keys`: of one domain, at least one, newest first. The first key of each algorithm signs.
std::shared_ptr<const policy::DkimSigner> to_signer(const std::vector<store::DkimKeyRow>& keys);

/// An object of an account that the database has and that cannot be read.
struct Unreadable {
  std::string id;       ///< of the policy or webhook, or the name of a DKIM key's record
  std::string account;  ///< whose it is
  std::string why;      ///< one sentence
};

/// All methods block on the disk: call them on a worker thread. Safe from any thread. Outcomes and
/// errors are those of the Store method with the same name; also an error, which is logged, if a
/// stored change could not be applied.
class Publisher {
 public:
  /// `public_domain` is local from the start: unknown addresses in it get 550 5.1.1. `keyring`
  /// null: this process does not sign mail. References must outlive this.
  Publisher(store::Store& store, policy::Directory& directory, const std::string& public_domain,
            policy::DkimKeyring* keyring = nullptr);

  /// Calls `tell` once for each object that is found to be unreadable, also for another reason than
  /// before; on the thread of the call that reads it, which it must not use. Before load().
  void on_unreadable(std::function<void(const Unreadable&)> tell) { tell_ = std::move(tell); }
  /// Objects that are unreadable now. At once.
  std::size_t unreadable() const { return unreadable_count_.load(std::memory_order_relaxed); }

  /// No account has the public domain: one that verified it before it became that loses it. Its id;
  /// nullopt: there is none.
  Result<std::optional<std::string>> take_public_domain(store::Time now);
  /// Fills directory and keyring from the store. Call it once, before mail is accepted. An object
  /// that cannot be read costs its own mail alone: it is deferred.
  Result<void> load();

  /// Applies an edit of another node of the cluster, or once more an own one: reads the objects
  /// that it names. Keys of other kinds are ignored. Errors: the store's; call it again then.
  Result<void> follow(const store::Change& edit);

  /// Stores and applies a new policy.
  Result<store::WriteOutcome> create_policy(const store::PolicyRow& policy,
                                            const store::AuditRow& audit);
  /// Stores and applies a changed policy.
  Result<store::WriteOutcome> update_policy(const store::PolicyRow& policy,
                                            std::uint64_t expected_version,
                                            const store::AuditRow& audit);
  /// Deletes a policy and detaches its webhooks.
  Result<store::PolicyDeleted> delete_policy(
      const std::string& account, const std::string& id,
      std::optional<std::uint64_t> expected_version, store::IfUsed if_used, store::Time at,
      const std::function<store::AuditRow(const std::vector<std::string>& detached)>& audit);

  /// Stores and applies a new webhook.
  Result<store::WriteOutcome> create_webhook(const store::WebhookRow& webhook,
                                             const store::AuditRow& audit);
  /// Stores and applies a changed webhook.
  Result<store::WriteOutcome> update_webhook(const store::WebhookRow& webhook,
                                             std::uint64_t expected_version,
                                             const store::AuditRow& audit);
  /// Deactivates the webhook of an endpoint that is gone (HTTP 410), until its owner activates it.
  /// `why`: for the audit log. Fault::conflict: it is being edited.
  Result<void> switch_off_webhook(const std::string& account, const std::string& id,
                                  const std::string& why);
  /// Deletes a webhook.
  Result<store::WriteOutcome> delete_webhook(const std::string& account, const std::string& id,
                                             std::optional<std::uint64_t> expected_version,
                                             const store::AuditRow& audit);

  /// The domain becomes local, and its keys sign.
  Result<store::DomainVerified> verify_domain(const std::string& account,
                                              const store::DomainRow& domain, store::Time at,
                                              const store::AuditRow& audit);
  /// The domain is no longer local, and its keys do not sign.
  Result<store::WriteOutcome> delete_domain(const std::string& account,
                                            const store::DomainRow& domain,
                                            const store::AuditRow& audit);

  /// A domain that is no longer verified is no longer local, and does not sign; its webhooks still
  /// take mail.
  Result<store::WriteOutcome> note_domain_check(const store::DomainRow& domain, store::Time at,
                                                std::optional<store::Time> failing_since,
                                                bool verified);
  /// The domain's signatures follow at once.
  Result<store::WriteOutcome> set_dkim_key_signing(const store::DomainRow& domain,
                                                   const std::string& selector, bool signing,
                                                   store::Time at, const store::AuditRow& audit);

  /// Deletes a team with all its objects.
  Result<store::AccountDeleted> delete_account(const std::string& account,
                                               const store::AuditRow& audit);
  /// All webhooks of the account follow at once. An empty seed disables `v1a` signatures.
  Result<store::WriteOutcome> set_signing_key(const std::string& account, const Secret& seed,
                                              const std::string& public_key,
                                              const store::AuditRow& audit);

 private:
  void note(const std::string& id, const std::string& account, const std::string& why);
  void take_seed(store::SigningSeedRow row);
  std::shared_ptr<const policy::WebhookPolicy> policy_of(const store::PolicyRow& row);
  std::shared_ptr<const policy::Webhook> webhook_of(const store::WebhookRow& row);
  void put_domain(const std::string& name, const std::string& account,
                  policy::Change& change) const;
  Result<void> read_domain(const std::string& name, policy::Change& change) const;
  void forget_policy(const std::string& id, policy::Change& change);
  void forget_webhook(const std::string& id, policy::Change& change);
  Result<void> read_policy(const std::string& account, const std::string& id,
                           policy::Change& change);
  Result<void> read_webhook(const std::string& account, const std::string& id,
                            policy::Change& change);
  Result<void> publish_policy(const std::string& account, const std::string& id);
  Result<void> publish_webhooks(const std::string& account, const std::vector<std::string>& ids,
                                policy::Change change);
  Result<void> publish_all_webhooks(const std::string& account);
  Result<void> publish_domain(const std::string& name, policy::Change change = {});
  Result<void> publish_signer(const std::string& domain);
  Result<void> read_signers(const std::string& domain);
  void forget_signer(const std::string& domain);

  store::Store& store_;
  policy::Directory& directory_;
  std::string public_domain_;
  policy::DkimKeyring* keyring_;
  std::function<void(const Unreadable&)> tell_;
  std::mutex mutex_;  ///< held during the change of store and directory
  std::unordered_map<std::string, store::SigningSeedRow> seeds_;  ///< by account
  std::map<std::string, std::string> unreadable_;                 ///< why, by id
  std::atomic<std::size_t> unreadable_count_{0};
};

}  // namespace postern::admin
