// All webhooks, policies and credentials in memory, indexed for the hot path.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "policy/parted_set.h"
#include "policy/webhook.h"

namespace postern::mail {
struct Mailbox;
}

namespace postern::policy {

struct Route;

/// Password hashes computed per AUTH at most, however many tenants use the name.
inline constexpr std::size_t max_hashes_per_auth = 4;

/// A domain whose mail this gateway receives.
struct OwnedDomain {
  // NOLINTNEXTLINE(google-explicit-constructor): one of nobody's is its name.
  /// Without an account it is the gateway's own.
  OwnedDomain(std::string name_, std::string account_ = {})
      : name(std::move(name_)), account(std::move(account_)) {}
  /// The gateway's own domain.
  OwnedDomain(const char* name_) : name(name_) {}  // NOLINT(google-explicit-constructor)
  std::string name;                                ///< lower case once in the directory
  std::string account;                             ///< that verified it; empty: the gateway's own
};

/// An edit of the control plane, applied atomically: a reader sees all of it or none. Removals come
/// before additions, so that an address can change its owner in one edit.
struct Change {
  std::vector<std::shared_ptr<const Webhook>> put_webhooks;        ///< added or replaced, by id
  std::vector<std::string> remove_webhooks;                        ///< ids
  std::vector<std::shared_ptr<const WebhookPolicy>> put_policies;  ///< added or replaced, by id
  std::vector<std::string> remove_policies;  ///< ids; put their webhooks again without policy_id
  std::vector<OwnedDomain> put_domains;      ///< domains whose unknown addresses get 550 5.1.1
  std::vector<std::string> remove_domains;   ///< names
};

/// A credential and the policy that it opens.
struct CredentialMatch {
  std::shared_ptr<const WebhookPolicy> policy;  ///< never null
  Secret hash;                                  ///< bcrypt
  std::uint64_t stamp = 0;                      ///< Credential::stamp
  std::uint64_t order = 0;                      ///< Credential::order
};

/// A user name of AUTH, split: `user%pol_<ULID>` selects one policy.
struct LoginName {
  std::string_view username;                  ///< without the selector
  std::optional<std::string_view> policy_id;  ///< with its "pol_"; nullopt: all policies
};
/// The views point into `name`.
LoginName split_login(std::string_view name);

/// The form in which addresses are compared: lower case, the local part unquoted.
std::string address_key(const mail::Mailbox& address);

/// A lookup is O(1) in the number of webhooks and policies, an edit is O(what it names).
/// Thread-safe; an edit is visible to lookups that start after apply() returns.
class Directory {
 public:
  /// Applies the whole edit under one lock.
  void apply(Change change);

  /// The owner of the address: the exact address first, then without `+tag`. Case-insensitive.
  Route resolve(const mail::Mailbox& address) const;
  /// By id; null if there is none.
  std::shared_ptr<const Webhook> webhook(std::string_view id) const;
  /// By id; null if there is none.
  std::shared_ptr<const WebhookPolicy> policy(std::string_view id) const;
  /// Credentials of this user name, at most `limit` distinct hashes. `user%pol_<ULID>` selects one
  /// policy. If the name is an address in a domain that an account has verified, only that
  /// account's. Otherwise those of all policies, account by account, the account that has had the
  /// name longest first: a later tenant can neither shadow nor starve an earlier one, however often
  /// either repeats the name.
  std::vector<CredentialMatch> credentials(std::string_view username, std::size_t limit) const;
  /// The bcrypt costs of the hashes to compare with a password of an unknown user name: always the
  /// same for a name, and over all names distributed as those of the known ones.
  std::vector<int> costs_for_stranger(std::string_view username) const;
  /// Whether any policy has credentials.
  bool has_credentials() const;
  /// Number of webhooks.
  std::size_t webhook_count() const;
  /// Number of policies.
  std::size_t policy_count() const;

 private:
  struct IdOf {
    template <class T>
    std::string_view operator()(const std::shared_ptr<const T>& element) const {
      return element->id;
    }
  };
  struct AddressOf {
    std::string_view operator()(const std::shared_ptr<const Webhook>& webhook) const {
      return webhook->address;
    }
  };
  struct DomainOf {
    std::string_view operator()(const OwnedDomain& domain) const { return domain.name; }
  };
  struct Holder {
    std::shared_ptr<const WebhookPolicy> policy;
    const Credential* credential;  ///< within the policy
  };
  /// The credentials of one account under a user name, oldest first; never empty.
  using Claim = std::vector<Holder>;
  struct User {
    std::string name;
    mutable std::vector<Claim> claims;  ///< ordered by their oldest credential; not part of the key
  };
  static std::uint64_t age_of(const Claim& claim) { return claim.front().credential->order; }
  struct NameOf {
    std::string_view operator()(const User& user) const { return user.name; }
  };

  void put(std::shared_ptr<const Webhook> webhook);
  void remove_webhook(std::string_view id);
  void put(std::shared_ptr<const WebhookPolicy> policy);
  void remove_policy(std::string_view id);
  /// Calls `take(holder)` for the first max_holders, until it returns false.
  template <class Take>
  static void each_holder(const User& user, std::string_view only_account, Take take);
  /// Adds a user name's costs to cost_mix_, or removes them.
  void count_costs(const User& user, bool add);
  void learn_credentials(const std::shared_ptr<const WebhookPolicy>& policy);
  void forget_credentials(const WebhookPolicy& policy);

  mutable std::shared_mutex mutex_;
  PartedSet<std::shared_ptr<const Webhook>, IdOf> by_id_;
  PartedSet<std::shared_ptr<const Webhook>, AddressOf> by_address_;
  PartedSet<std::shared_ptr<const WebhookPolicy>, IdOf> policies_;
  PartedSet<User, NameOf> users_;
  PartedSet<OwnedDomain, DomainOf> domains_;
  std::map<std::string, std::size_t> cost_mix_;  ///< user names by their costs: one octet a hash
};

}  // namespace postern::policy
