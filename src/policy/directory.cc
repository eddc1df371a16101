#include "policy/directory.h"

#include <algorithm>
#include <mutex>

#include <sodium.h>

#include "base/text.h"
#include "base/ulid.h"
#include "mail/address.h"
#include "policy/bcrypt.h"
#include "policy/route.h"

namespace postern::policy {

namespace {

/// Holders of one user name that are considered; the password budget takes the oldest of them.
constexpr std::size_t max_holders = 256;

}  // namespace

LoginName split_login(std::string_view name) {
  constexpr std::string_view marker = "%pol_";
  const std::size_t at = name.rfind(marker);
  if (at == std::string_view::npos || !is_ulid(name.substr(at + marker.size()))) {
    return {name, std::nullopt};
  }
  return {name.substr(0, at), name.substr(at + 1)};
}

std::string address_key(const mail::Mailbox& address) {
  return lower(address.unquoted_local_part()) + "@" + address.domain;
}

const Credential* WebhookPolicy::credential(std::string_view username) const {
  const auto found = std::lower_bound(credentials.begin(), credentials.end(), username,
                                      [](const Credential& credential, std::string_view name) {
                                        return credential.username < name;
                                      });
  return found != credentials.end() && found->username == username ? &*found : nullptr;
}

void Directory::apply(Change change) {
  const std::unique_lock lock(mutex_);
  for (const std::string& id : change.remove_webhooks) remove_webhook(id);
  for (const std::string& id : change.remove_policies) remove_policy(id);
  for (const std::string& domain : change.remove_domains) domains_.erase(domain);
  for (auto& policy : change.put_policies) put(std::move(policy));
  for (auto& webhook : change.put_webhooks) put(std::move(webhook));
  for (OwnedDomain& domain : change.put_domains) {
    domain.name = lower(domain.name);
    domains_.put(std::move(domain));
  }
}

void Directory::put(std::shared_ptr<const Webhook> webhook) {
  remove_webhook(webhook->id);
  by_address_.put(webhook);
  by_id_.put(std::move(webhook));
}

void Directory::remove_webhook(std::string_view id) {
  const auto* found = by_id_.find(id);
  if (found == nullptr) return;
  const std::shared_ptr<const Webhook> webhook = *found;
  const auto* owner = by_address_.find(webhook->address);
  if (owner != nullptr && (*owner)->id == webhook->id) by_address_.erase(webhook->address);
  by_id_.erase(id);
}

void Directory::put(std::shared_ptr<const WebhookPolicy> policy) {
  remove_policy(policy->id);
  learn_credentials(policy);
  policies_.put(std::move(policy));
}

void Directory::remove_policy(std::string_view id) {
  const auto* found = policies_.find(id);
  if (found == nullptr) return;
  const std::shared_ptr<const WebhookPolicy> policy = *found;
  forget_credentials(*policy);
  policies_.erase(id);
}

template <class Take>
void Directory::each_holder(const User& user, std::string_view only_account, Take take) {
  std::size_t looked_at = 0;
  for (const Claim& claim : user.claims) {
    if (!only_account.empty() && claim.front().policy->account_id != only_account) continue;
    for (const Holder& holder : claim) {
      if (++looked_at > max_holders || !take(holder)) return;
    }
  }
}

void Directory::count_costs(const User& user, bool add) {
  std::string costs;
  std::vector<const std::string*> seen;
  each_holder(user, {}, [&](const Holder& holder) {
    const Secret& hash = holder.credential->hash;
    const bool again = std::ranges::any_of(
        seen, [&](const std::string* other) { return *other == hash.reveal(); });
    if (again) return true;
    seen.push_back(&hash.reveal());
    if (!hash.empty()) costs += static_cast<char>(bcrypt_cost(hash));
    return costs.size() < max_hashes_per_auth;
  });
  if (costs.empty()) return;
  std::size_t& names = cost_mix_[costs];
  names += add ? 1 : static_cast<std::size_t>(-1);
  if (names == 0) cost_mix_.erase(costs);
}

void Directory::learn_credentials(const std::shared_ptr<const WebhookPolicy>& policy) {
  const auto older = [](const Holder& a, const Holder& b) {
    return a.credential->order < b.credential->order;
  };
  for (const Credential& credential : policy->credentials) {
    if (users_.find(credential.username) == nullptr) users_.put({credential.username, {}});
    const User& user = *users_.find(credential.username);
    count_costs(user, false);
    Claim claim;
    const auto own = std::ranges::find_if(user.claims, [&](const Claim& one) {
      return one.front().policy->account_id == policy->account_id;
    });
    if (own != user.claims.end()) {
      claim = std::move(*own);
      user.claims.erase(own);
    }
    const Holder holder{policy, &credential};
    claim.insert(std::ranges::upper_bound(claim, holder, older), holder);
    const auto place = std::ranges::upper_bound(user.claims, age_of(claim), {}, age_of);
    user.claims.insert(place, std::move(claim));
    count_costs(user, true);
  }
}

void Directory::forget_credentials(const WebhookPolicy& policy) {
  for (const Credential& credential : policy.credentials) {
    const User* user = users_.find(credential.username);
    if (user == nullptr) continue;
    count_costs(*user, false);
    for (Claim& claim : user->claims) {
      if (claim.front().policy->account_id != policy.account_id) continue;
      std::erase_if(claim, [&](const Holder& holder) { return holder.policy->id == policy.id; });
    }
    std::erase_if(user->claims, [](const Claim& claim) { return claim.empty(); });
    std::ranges::sort(user->claims, {}, age_of);
    count_costs(*user, true);
    if (user->claims.empty()) users_.erase(credential.username);
  }
}

Route Directory::resolve(const mail::Mailbox& address) const {
  std::string key = address_key(address);
  const std::size_t at = key.rfind('@');
  const std::size_t plus = key.find('+');
  Route route;
  const std::shared_lock lock(mutex_);
  const auto* found = by_address_.find(key);
  if (found == nullptr && plus != std::string::npos && plus > 0 && plus < at) {
    found = by_address_.find(key.substr(0, plus) + key.substr(at));
    if (found != nullptr) route.tag = address.unquoted_local_part().substr(plus + 1);
  }
  if (found == nullptr) {
    if (domains_.find(address.domain) != nullptr) route.missing = Route::Missing::unknown_address;
    return route;
  }
  route.kind = Route::Kind::webhook;
  route.webhook = *found;
  if (route.webhook->policy_id) {
    const auto* policy = policies_.find(*route.webhook->policy_id);
    if (policy != nullptr && !(*policy)->is_unreadable) route.policy = *policy;
  }
  return route;
}

std::shared_ptr<const Webhook> Directory::webhook(std::string_view id) const {
  const std::shared_lock lock(mutex_);
  const auto* found = by_id_.find(id);
  return found == nullptr ? nullptr : *found;
}

std::shared_ptr<const WebhookPolicy> Directory::policy(std::string_view id) const {
  const std::shared_lock lock(mutex_);
  const auto* found = policies_.find(id);
  return found == nullptr ? nullptr : *found;
}

std::vector<CredentialMatch> Directory::credentials(std::string_view username,
                                                    std::size_t limit) const {
  const LoginName login = split_login(username);
  std::vector<CredentialMatch> matches;
  std::vector<const std::string*> hashes;
  const std::shared_lock lock(mutex_);
  const User* user = users_.find(login.username);
  if (user == nullptr) return matches;
  const std::size_t at = login.username.rfind('@');
  const OwnedDomain* domain =
      at == std::string_view::npos ? nullptr : domains_.find(lower(login.username.substr(at + 1)));
  const std::string_view owner = domain == nullptr ? std::string_view() : domain->account;
  const auto take = [&](const Holder& holder) {
    const Credential& credential = *holder.credential;
    const std::string& hash = credential.hash.reveal();
    const bool seen = std::any_of(hashes.begin(), hashes.end(),
                                  [&](const std::string* other) { return *other == hash; });
    if (!seen && hashes.size() == limit) return true;
    if (!seen) hashes.push_back(&hash);
    matches.push_back({holder.policy, credential.hash, credential.stamp, credential.order});
    return true;
  };
  if (!login.policy_id) {
    each_holder(*user, owner, take);
    return matches;
  }
  // The selected policy itself: other holders of the name do not matter.
  const auto* policy = policies_.find(*login.policy_id);
  if (policy == nullptr || (!owner.empty() && (*policy)->account_id != owner)) return matches;
  for (const Credential& credential : (*policy)->credentials) {
    if (credential.username == login.username) take(Holder{*policy, &credential});
  }
  return matches;
}

namespace {

/// Maps names to [0, 1), differently in each process.
double place_of(std::string_view name) {
  static const auto key = [] {
    std::array<unsigned char, crypto_shorthash_KEYBYTES> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    return bytes;
  }();
  std::uint64_t hash = 0;
  static_assert(sizeof hash == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash),
                   reinterpret_cast<const unsigned char*>(name.data()), name.size(), key.data());
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

}  // namespace

std::vector<int> Directory::costs_for_stranger(std::string_view username) const {
  const LoginName login = split_login(username);
  const double place = place_of(login.username);
  const std::shared_lock lock(mutex_);
  if (login.policy_id) {
    const auto* found = policies_.find(*login.policy_id);
    if (found != nullptr && !(*found)->is_unreadable && !(*found)->credentials.empty()) {
      const auto& credentials = (*found)->credentials;
      const auto at = static_cast<std::size_t>(place * static_cast<double>(credentials.size()));
      return {bcrypt_cost(credentials[at].hash)};
    }
  }
  std::size_t names = 0;
  for (const auto& [costs, count] : cost_mix_) names += count;
  auto left = static_cast<std::size_t>(place * static_cast<double>(names));
  for (const auto& [costs, count] : cost_mix_) {
    if (left < count) {
      // A name with a selector has one hash in that policy.
      return {costs.begin(), login.policy_id ? costs.begin() + 1 : costs.end()};
    }
    left -= count;
  }
  return {default_bcrypt_cost};
}

bool Directory::has_credentials() const {
  const std::shared_lock lock(mutex_);
  return users_.size() != 0;
}

std::size_t Directory::webhook_count() const {
  const std::shared_lock lock(mutex_);
  return by_id_.size();
}

std::size_t Directory::policy_count() const {
  const std::shared_lock lock(mutex_);
  return policies_.size();
}

}  // namespace postern::policy
