#include "admin/publisher.h"

#include <set>
#include <string_view>

#include <boost/json.hpp>

#include "base/text.h"
#include "base/ulid.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/webhook_fields.h"
#include "telemetry/log.h"

namespace postern::admin {
namespace {

using store::WriteOutcome;

/// Rows applied at a time by load(), so that memory for a million webhooks is needed only once.
constexpr std::size_t load_batch = 4096;

/// Logs that the database has a change that memory has not. They differ until the next edit of the
/// object or the next start.
tl::unexpected<Error> diverged(Error error) {
  telemetry::log::error("store.error")
      .field("error", error.message)
      .msg("a stored change could not be applied");
  return tl::unexpected<Error>(std::move(error));
}

std::shared_ptr<const policy::WebhookPolicy> with_users(const store::PolicyRow& row,
                                                        dialect::webhook::PolicyFields fields) {
  std::vector<std::uint64_t> orders;
  for (const store::CredentialRow& credential : row.credentials) {
    fields.smtp_credentials.push_back({credential.username, credential.hash});
    orders.push_back(credential.order);
  }
  return dialect::webhook::compile(row.id, row.account_id, row.version, row.credentials_version,
                                   fields, orders);
}

/// The name of a DKIM key's record, RFC 6376 §3.6.2.1.
std::string record_of(const std::string& selector, const std::string& domain) {
  return selector + "._domainkey." + domain;
}

}  // namespace

std::shared_ptr<const policy::Webhook> to_webhook(const store::WebhookRow& row,
                                                  const Secret& signing_seed) {
  auto webhook = std::make_shared<policy::Webhook>();
  webhook->id = row.id;
  webhook->account_id = row.account_id;
  webhook->name = row.name;
  webhook->address = row.address;
  webhook->is_active = row.is_active;
  webhook->target_url = row.target_url;
  webhook->policy_id = row.policy_id;
  webhook->custom_headers = row.custom_headers;
  webhook->payload_template = row.payload_template;
  webhook->rate_limit_per_minute = row.rate_limit_per_minute;
  webhook->attachments = dialect::webhook::attachment_mode(row.attachments);
  webhook->include_raw = dialect::webhook::raw_mode(row.include_raw);
  webhook->timeout = std::chrono::milliseconds(row.timeout_ms);
  webhook->inbox = row.inbox;
  webhook->queued = row.delivery_mode == "queued";
  webhook->secret = row.secret;
  webhook->previous_secret = row.previous_secret;
  if (row.previous_expires_at) webhook->previous_expires_at = *row.previous_expires_at;
  webhook->signing_key = signing_seed;
  return webhook;
}

Result<std::shared_ptr<const policy::WebhookPolicy>> to_policy(const store::PolicyRow& row) {
  Result<dialect::webhook::PolicyFields> fields = dialect::webhook::fields_of(row.definition);
  if (!fields) return tl::unexpected(fields.error());
  return with_users(row, std::move(*fields));
}

std::shared_ptr<const policy::DkimSigner> to_signer(const std::vector<store::DkimKeyRow>& keys) {
  std::vector<policy::DkimSigner::Pem> pems;
  std::set<std::string_view> algorithms;
  for (const store::DkimKeyRow& row : keys) {
    if (algorithms.insert(row.algorithm).second) pems.push_back({row.selector, row.private_key});
  }
  return std::make_shared<policy::DkimSigner>(keys.front().domain, keys.front().account_id,
                                              std::move(pems));
}

Publisher::Publisher(store::Store& store, policy::Directory& directory,
                     const std::string& public_domain, policy::DkimKeyring* keyring)
    : store_(store),
      directory_(directory),
      public_domain_(lower(public_domain)),
      keyring_(keyring) {}

/// `why` is empty: the object can be read.
void Publisher::note(const std::string& id, const std::string& account, const std::string& why) {
  const auto known = unreadable_.find(id);
  if (why.empty()) {
    if (known != unreadable_.end()) unreadable_.erase(known);
  } else if (known == unreadable_.end() || known->second != why) {
    unreadable_[id] = why;
    if (tell_) tell_({.id = id, .account = account, .why = why});
  }
  unreadable_count_.store(unreadable_.size(), std::memory_order_relaxed);
}

void Publisher::take_seed(store::SigningSeedRow row) {
  std::string account = row.account_id;
  seeds_.insert_or_assign(std::move(account), std::move(row));
}

/// One that cannot be read has its users, so that what they send is deferred, and nobody's password
/// is taken for wrong.
std::shared_ptr<const policy::WebhookPolicy> Publisher::policy_of(const store::PolicyRow& row) {
  auto compiled = to_policy(row);
  std::string why = row.unreadable;
  if (why.empty() && !compiled) why = compiled.error().message;
  note(row.id, row.account_id, why);
  if (why.empty()) return *compiled;
  auto left = std::make_shared<policy::WebhookPolicy>(*with_users(row, {}));
  left->is_unreadable = true;
  return left;
}

std::shared_ptr<const policy::Webhook> Publisher::webhook_of(const store::WebhookRow& row) {
  const auto seed = seeds_.find(row.account_id);
  std::string why = row.unreadable;
  if (why.empty() && seed != seeds_.end() && !seed->second.unreadable.empty()) {
    why = "the signing key of its account: " + seed->second.unreadable;
  }
  note(row.id, row.account_id, why);
  auto made = to_webhook(row, seed == seeds_.end() ? Secret() : seed->second.seed);
  if (why.empty()) return made;
  auto unusable = std::make_shared<policy::Webhook>(*made);
  unusable->is_unreadable = true;
  return unusable;
}

void Publisher::forget_policy(const std::string& id, policy::Change& change) {
  note(id, {}, {});
  change.remove_policies.push_back(id);
}

void Publisher::forget_webhook(const std::string& id, policy::Change& change) {
  note(id, {}, {});
  change.remove_webhooks.push_back(id);
}

/// No account has the gateway's own domain, which stays.
void Publisher::put_domain(const std::string& name, const std::string& account,
                           policy::Change& change) const {
  if (lower(name) != public_domain_) change.put_domains.push_back({name, account});
}

/// Of whichever account it is: another one may have it by now.
Result<void> Publisher::read_domain(const std::string& name, policy::Change& change) const {
  if (lower(name) == public_domain_) return {};
  const auto owner = store_.owner_of_domain(name);
  if (!owner) return tl::unexpected(owner.error());
  if (*owner) {
    put_domain(name, **owner, change);
  } else {
    change.remove_domains.push_back(name);
  }
  return {};
}

/// What is served of a domain is what the store has, and with it what else `change` has. What
/// cannot be read is not served.
Result<void> Publisher::publish_domain(const std::string& name, policy::Change change) {
  const Result<void> read = read_domain(name, change);
  if (!read) change.remove_domains.push_back(name);
  directory_.apply(std::move(change));
  if (read) return publish_signer(name);
  forget_signer(name);
  return diverged(read.error());
}

Result<std::optional<std::string>> Publisher::take_public_domain(store::Time now) {
  const std::lock_guard lock(mutex_);
  auto lost = store_.release_domain(public_domain_, now);
  if (!lost || !*lost) return lost;
  if (auto published = publish_signer(public_domain_); !published) {
    return tl::unexpected(published.error());
  }
  return lost;
}

Result<void> Publisher::load() {
  const std::lock_guard lock(mutex_);
  policy::Change change;
  change.put_domains.push_back(public_domain_);
  const auto flush = [&](std::size_t pending, std::size_t limit) {
    if (pending < limit) return;
    directory_.apply(std::move(change));
    change = {};
  };
  Result<void> read = store_.each_verified_domain(
      [&](const store::DomainRow& row) { put_domain(row.name, row.account_id, change); });
  if (!read) return read;
  read = store_.each_signing_seed([&](store::SigningSeedRow row) { take_seed(std::move(row)); });
  if (!read) return read;
  read = store_.each_policy([&](const store::PolicyRow& row) {
    change.put_policies.push_back(policy_of(row));
    flush(change.put_policies.size(), load_batch);
  });
  if (!read) return read;
  read = store_.each_webhook([&](const store::WebhookRow& row) {
    change.put_webhooks.push_back(webhook_of(row));
    flush(change.put_webhooks.size(), load_batch);
  });
  if (!read) return read;
  flush(1, 1);
  return read_signers({});
}

/// Of one domain, or of all.
Result<void> Publisher::read_signers(const std::string& domain) {
  if (keyring_ == nullptr) return {};
  std::vector<store::DkimKeyRow> keys;  // of one domain
  const auto flush = [&] {
    if (!keys.empty()) keyring_->put(to_signer(keys));
    keys.clear();
  };
  const auto take = [&](store::DkimKeyRow row) {
    if (!keys.empty() && keys.back().domain_id != row.domain_id) flush();
    note(record_of(row.selector, row.domain), row.account_id, row.unreadable);
    keys.push_back(std::move(row));
  };
  const Result<void> read = store_.each_dkim_signing_key(take, domain);
  if (!read) return read;
  if (!domain.empty() && keys.empty()) forget_signer(domain);
  flush();
  return {};
}

void Publisher::forget_signer(const std::string& domain) {
  if (keyring_ == nullptr) return;
  keyring_->remove(domain);
  std::erase_if(unreadable_, [end = record_of({}, domain)](const auto& one) {
    return one.first.ends_with(end);
  });
  unreadable_count_.store(unreadable_.size(), std::memory_order_relaxed);
}

Result<void> Publisher::read_policy(const std::string& account, const std::string& id,
                                    policy::Change& change) {
  bool there = false;
  const auto take = [&](const store::PolicyRow& row) {
    there = true;
    change.put_policies.push_back(policy_of(row));
  };
  Result<void> read = store_.each_policy(take, {.account = account, .id = id});
  if (read && !there) forget_policy(id, change);
  return read;
}

Result<void> Publisher::read_webhook(const std::string& account, const std::string& id,
                                     policy::Change& change) {
  bool there = false;
  const auto take = [&](const store::WebhookRow& row) {
    there = true;
    change.put_webhooks.push_back(webhook_of(row));
  };
  Result<void> read = store_.each_webhook(take, {.account = account, .id = id});
  if (read && !there) forget_webhook(id, change);
  return read;
}

/// What is read is the newest state, whatever the edit made of it: the edits that follow it lead to
/// the same.
Result<void> Publisher::follow(const store::Change& edit) {
  const std::lock_guard lock(mutex_);
  policy::Change change;
  for (const store::Change::Key& key : edit.keys) {
    if (key.kind == "policy") {
      if (auto read = read_policy(key.account_id, key.id, change); !read) return read;
    } else if (key.kind == "webhook") {
      if (auto read = read_webhook(key.account_id, key.id, change); !read) return read;
    } else if (key.kind == "domain") {
      if (auto read = read_domain(key.id, change); !read) return read;
    }
  }
  directory_.apply(std::move(change));
  for (const store::Change::Key& key : edit.keys) {
    if (key.kind == "dkim" || key.kind == "domain") {
      if (auto published = publish_signer(key.id); !published) return published;
    } else if (key.kind == "signing_seed") {
      const std::string& account = key.account_id.empty() ? key.id : key.account_id;
      seeds_.erase(account);
      const Result<void> read = store_.each_signing_seed(
          [&](store::SigningSeedRow row) { take_seed(std::move(row)); }, account);
      if (!read) return read;
      if (auto published = publish_all_webhooks(account); !published) return published;
    }
  }
  return {};
}

Result<void> Publisher::publish_signer(const std::string& domain) {
  const Result<void> read = read_signers(domain);
  if (read) return read;
  forget_signer(domain);  // it may be another account's by now
  return diverged(read.error());
}

Result<void> Publisher::publish_policy(const std::string& account, const std::string& id) {
  // Read back: the store gives the credentials their order.
  policy::Change change;
  if (Result<void> read = read_policy(account, id, change); !read) return diverged(read.error());
  directory_.apply(std::move(change));
  return {};
}

Result<void> Publisher::publish_webhooks(const std::string& account,
                                         const std::vector<std::string>& ids,
                                         policy::Change change) {
  for (const std::string& id : ids) {
    if (Result<void> read = read_webhook(account, id, change); !read) return diverged(read.error());
  }
  directory_.apply(std::move(change));
  return {};
}

Result<WriteOutcome> Publisher::create_policy(const store::PolicyRow& policy,
                                              const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.create_policy(policy, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  if (auto published = publish_policy(policy.account_id, policy.id); !published)
    return tl::unexpected(published.error());
  return outcome;
}

Result<WriteOutcome> Publisher::update_policy(const store::PolicyRow& policy,
                                              std::uint64_t expected_version,
                                              const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.update_policy(policy, expected_version, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  if (auto published = publish_policy(policy.account_id, policy.id); !published)
    return tl::unexpected(published.error());
  return outcome;
}

Result<store::PolicyDeleted> Publisher::delete_policy(
    const std::string& account, const std::string& id,
    std::optional<std::uint64_t> expected_version, store::IfUsed if_used, store::Time at,
    const std::function<store::AuditRow(const std::vector<std::string>&)>& audit) {
  const std::lock_guard lock(mutex_);
  Result<store::PolicyDeleted> deleted =
      store_.delete_policy(account, id, expected_version, if_used, at, audit);
  if (!deleted || deleted->outcome != WriteOutcome::done) return deleted;
  policy::Change change;
  forget_policy(id, change);
  auto published = publish_webhooks(account, deleted->detached_webhooks, std::move(change));
  if (!published) return tl::unexpected(published.error());
  return deleted;
}

Result<WriteOutcome> Publisher::create_webhook(const store::WebhookRow& webhook,
                                               const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.create_webhook(webhook, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  auto published = publish_webhooks(webhook.account_id, {webhook.id}, {});
  if (!published) return tl::unexpected(published.error());
  return outcome;
}

Result<WriteOutcome> Publisher::update_webhook(const store::WebhookRow& webhook,
                                               std::uint64_t expected_version,
                                               const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.update_webhook(webhook, expected_version, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  auto published = publish_webhooks(webhook.account_id, {webhook.id}, {});
  if (!published) return tl::unexpected(published.error());
  return outcome;
}

Result<void> Publisher::switch_off_webhook(const std::string& account, const std::string& id,
                                           const std::string& why) {
  // If the webhook is edited concurrently, try again from its new state.
  for (int round = 0; round < 3; ++round) {
    auto row = store_.webhook(account, id);
    if (!row) return tl::unexpected(row.error());
    if (!*row || !(*row)->is_active) return {};
    store::WebhookRow changed = **row;
    changed.is_active = false;
    changed.version += 1;
    changed.updated_at = store::now();
    const store::AuditRow audit{
        .id = new_id("al_"),
        .account_id = account,
        .action = "webhook.switched_off",
        .details = boost::json::serialize(boost::json::object{{"webhook", id}, {"why", why}}),
        .ip = "",
        .actor = "postern",
        .created_at = changed.updated_at};
    const Result<WriteOutcome> outcome = update_webhook(changed, (*row)->version, audit);
    if (!outcome) return tl::unexpected(outcome.error());
    if (*outcome == WriteOutcome::done) return {};
  }
  return fail(Fault::conflict, "the webhook is being edited");
}

Result<WriteOutcome> Publisher::delete_webhook(const std::string& account, const std::string& id,
                                               std::optional<std::uint64_t> expected_version,
                                               const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.delete_webhook(account, id, expected_version, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  policy::Change change;
  forget_webhook(id, change);
  directory_.apply(std::move(change));
  return outcome;
}

Result<store::DomainVerified> Publisher::verify_domain(const std::string& account,
                                                       const store::DomainRow& domain,
                                                       store::Time at,
                                                       const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  if (lower(domain.name) == public_domain_) {
    return store::DomainVerified{.outcome = WriteOutcome::taken, .lost_webhooks = {}};
  }
  Result<store::DomainVerified> verified = store_.verify_domain(account, domain.id, at, &audit);
  if (!verified || verified->outcome != WriteOutcome::done) return verified;
  policy::Change change;
  Result<void> all;
  for (const std::string& id : verified->lost_webhooks) {
    const auto known = directory_.webhook(id);
    if (!known) continue;
    Result<void> read = read_webhook(known->account_id, id, change);
    if (read) continue;
    // It takes the mail of another account, if anything.
    forget_webhook(id, change);
    all = diverged(read.error());
  }
  if (auto published = publish_domain(domain.name, std::move(change)); !published) all = published;
  if (!all) return tl::unexpected(all.error());
  return verified;
}

Result<WriteOutcome> Publisher::note_domain_check(const store::DomainRow& domain, store::Time at,
                                                  std::optional<store::Time> failing_since,
                                                  bool verified) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.note_domain_check(domain.id, at, failing_since, verified);
  if (!outcome || *outcome != WriteOutcome::done || verified) return outcome;
  telemetry::log::warning("domain.unverified")
      .field("name", domain.name + " of " + domain.account_id)
      .msg("the account has lost the domain: its record has been missing for seven days");
  if (auto published = publish_domain(domain.name); !published)
    return tl::unexpected(published.error());
  return outcome;
}

Result<WriteOutcome> Publisher::set_dkim_key_signing(const store::DomainRow& domain,
                                                     const std::string& selector, bool signing,
                                                     store::Time at, const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome =
      store_.set_dkim_key_signing(domain.account_id, domain.id, selector, signing, at, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  if (auto published = publish_signer(domain.name); !published)
    return tl::unexpected(published.error());
  return outcome;
}

Result<WriteOutcome> Publisher::delete_domain(const std::string& account,
                                              const store::DomainRow& domain,
                                              const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.delete_domain(account, domain.id, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  if (auto published = publish_domain(domain.name); !published)
    return tl::unexpected(published.error());
  return outcome;
}

Result<store::AccountDeleted> Publisher::delete_account(const std::string& account,
                                                        const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<store::AccountDeleted> deleted = store_.delete_account(account, &audit);
  if (!deleted || deleted->outcome != WriteOutcome::done) return deleted;
  policy::Change change;
  for (const std::string& id : deleted->webhooks) forget_webhook(id, change);
  for (const std::string& id : deleted->policies) forget_policy(id, change);
  seeds_.erase(account);
  directory_.apply(std::move(change));
  Result<void> all;
  for (const std::string& domain : deleted->domains) {
    if (auto published = publish_domain(domain); !published) all = published;
  }
  if (!all) return tl::unexpected(all.error());
  return deleted;
}

Result<void> Publisher::publish_all_webhooks(const std::string& account) {
  policy::Change change;
  const Result<void> read = store_.each_webhook(
      [&](const store::WebhookRow& row) { change.put_webhooks.push_back(webhook_of(row)); },
      {.account = account});
  if (!read) return diverged(read.error());
  directory_.apply(std::move(change));
  return {};
}

Result<WriteOutcome> Publisher::set_signing_key(const std::string& account, const Secret& seed,
                                                const std::string& public_key,
                                                const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.set_signing_key(account, seed, public_key, &audit);
  if (!outcome || *outcome != WriteOutcome::done) return outcome;
  if (seed.empty()) {
    seeds_.erase(account);
  } else {
    take_seed({.account_id = account, .seed = seed});
  }
  if (auto published = publish_all_webhooks(account); !published)
    return tl::unexpected(published.error());
  return outcome;
}

}  // namespace postern::admin
