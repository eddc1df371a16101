// Every webhook, policy and credential in memory, as the hot path asks for them.
#pragma once

#include <array>
#include <map>
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

/// Password hashes computed for one AUTH at most: a name that many tenants use costs no more.
inline constexpr std::size_t max_hashes_per_auth = 4;

/// A domain that is served here.
struct OwnedDomain {
  // NOLINTNEXTLINE(google-explicit-constructor): one of nobody's is its name.
  OwnedDomain(std::string name_, std::string account_ = {})
      : name(std::move(name_)), account(std::move(account_)) {}
  OwnedDomain(const char* name_) : name(name_) {}  // NOLINT(google-explicit-constructor)
  std::string name;
  std::string account;  ///< who verified it; empty: nobody, it is the gateway's own
};

/// One edit of the control plane, applied as a whole: readers see all of it or nothing. Removals
/// come before additions, so that an address may change hands in one edit.
struct Change {
  std::vector<std::shared_ptr<const Webhook>> put_webhooks;
  std::vector<std::string> remove_webhooks;  ///< ids
  std::vector<std::shared_ptr<const WebhookPolicy>> put_policies;
  std::vector<std::string> remove_policies;  ///< ids; put their webhooks without policy_id too
  std::vector<OwnedDomain> put_domains;      ///< domains whose unknown addresses are 550 5.1.1
  std::vector<std::string> remove_domains;
};

/// A credential with the policy it opens.
struct CredentialMatch {
  std::shared_ptr<const WebhookPolicy> policy;
  Secret hash;
  std::uint64_t stamp = 0;
  std::uint64_t order = 0;
};

/// A user name as AUTH gives it: `user%pol_<ULID>` selects one policy.
struct LoginName {
  std::string_view username;
  std::optional<std::string_view> policy_id;
};
/// The views are into `name`.
LoginName split_login(std::string_view name);

/// The form in which addresses are compared: lower case, the local part without quotes.
std::string address_key(const mail::Mailbox& address);

/// A hash set in 64 parts: one part grows at a time, so that no edit stops the readers for a whole
/// rehash. `Key` gives an element's key, a string_view into it.
template <class T, class Key>
class PartedSet {
 public:
  const T* find(std::string_view key) const {
    const Part& part = part_of(key);
    const auto found = part.find(key);
    return found == part.end() ? nullptr : &*found;
  }
  void put(T element) {
    Part& part = part_of(Key{}(element));
    const auto found = part.find(Key{}(element));
    if (found != part.end()) part.erase(found);
    part.insert(std::move(element));
  }
  void erase(std::string_view key) {
    Part& part = part_of(key);
    const auto found = part.find(key);
    if (found != part.end()) part.erase(found);
  }
  std::size_t size() const {
    std::size_t total = 0;
    for (const Part& part : parts_) total += part.size();
    return total;
  }

 private:
  static constexpr std::size_t part_count = 64;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
    std::size_t operator()(const T& element) const { return (*this)(Key{}(element)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const T& a, const T& b) const { return Key{}(a) == Key{}(b); }
    bool operator()(std::string_view key, const T& element) const { return key == Key{}(element); }
    bool operator()(const T& element, std::string_view key) const { return key == Key{}(element); }
  };
  using Part = std::unordered_set<T, Hash, Equal>;

  Part& part_of(std::string_view key) { return parts_[index(key)]; }
  const Part& part_of(std::string_view key) const { return parts_[index(key)]; }
  /// The top bits: the parts themselves use the rest.
  static std::size_t index(std::string_view key) {
    return std::hash<std::string_view>{}(key) >> (8 * sizeof(std::size_t) - 6);
  }

  std::array<Part, part_count> parts_;
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
  /// Credentials under this user name. Of a name in a domain that an account has verified, those of
  /// that account alone. Else over all policies, account by account, whoever has had the name
  /// longest first: a later tenant can neither shadow nor starve an older one, however often either
  /// names it. `user%pol_<ULID>` selects one policy. At most `limit` distinct hashes.
  std::vector<CredentialMatch> credentials(std::string_view username, std::size_t limit) const;
  /// The bcrypt costs of the hashes that a password of a name nobody has is to be tried against:
  /// always the same for a name, and over all names in the mix of those that somebody has.
  std::vector<int> costs_for_stranger(std::string_view username) const;
  bool has_credentials() const;
  std::size_t webhook_count() const;
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
  /// What one account has under a user name, oldest credential first; never empty.
  using Claim = std::vector<Holder>;
  struct User {
    std::string name;
    mutable std::vector<Claim> claims;  ///< oldest first, by their oldest; no part of the key
  };
  static std::uint64_t age_of(const Claim& claim) { return claim.front().credential->order; }
  struct NameOf {
    std::string_view operator()(const User& user) const { return user.name; }
  };

  void put(std::shared_ptr<const Webhook> webhook);
  void remove_webhook(std::string_view id);
  void put(std::shared_ptr<const WebhookPolicy> policy);
  void remove_policy(std::string_view id);
  /// Calls `take(holder)` for each, the first max_holders in their order, until it returns false.
  template <class Take>
  static void each_holder(const User& user, std::string_view only_account, Take take);
  /// Notes what a name costs in cost_mix_, or takes it out again.
  void count_costs(const User& user, bool add);
  void learn_credentials(const std::shared_ptr<const WebhookPolicy>& policy);
  void forget_credentials(const WebhookPolicy& policy);

  mutable std::shared_mutex mutex_;
  PartedSet<std::shared_ptr<const Webhook>, IdOf> by_id_;
  PartedSet<std::shared_ptr<const Webhook>, AddressOf> by_address_;
  PartedSet<std::shared_ptr<const WebhookPolicy>, IdOf> policies_;
  PartedSet<User, NameOf> users_;
  PartedSet<OwnedDomain, DomainOf> domains_;
  std::map<std::string, std::size_t> cost_mix_;  ///< names by what one costs: an octet a hash
};

}  // namespace postern::policy
