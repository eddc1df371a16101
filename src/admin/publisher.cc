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
constexpr std::uint64_t page_rows = 200;

/// Logs that the database has a change that memory has not. They differ until the next edit of the
/// object or the next start.
tl::unexpected<Error> diverged(Error error) {
  telemetry::log::error("store.error")
      .field("error", error.message)
      .msg("a stored change could not be applied");
  return tl::unexpected<Error>(std::move(error));
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
  std::vector<std::uint64_t> orders;
  for (const store::CredentialRow& credential : row.credentials) {
    fields->smtp_credentials.push_back({credential.username, credential.hash});
    orders.push_back(credential.order);
  }
  return dialect::webhook::compile(row.id, row.account_id, row.version, row.credentials_version,
                                   *fields, orders);
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

Secret Publisher::seed_of(const std::string& account) const {
  const auto found = seeds_.find(account);
  return found == seeds_.end() ? Secret() : found->second;
}

Result<void> Publisher::load() {
  const std::lock_guard lock(mutex_);
  policy::Change change;
  change.put_domains.push_back(public_domain_);
  std::optional<Error> trouble;
  const auto flush = [&](std::size_t pending, std::size_t limit) {
    if (pending < limit) return;
    directory_.apply(std::move(change));
    change = {};
  };
  Result<void> read = store_.each_verified_domain([&](const store::DomainRow& row) {
    change.put_domains.push_back({row.name, row.account_id});
  });
  if (!read) return read;
  read = store_.each_signing_seed(
      [&](const std::string& account, Secret seed) { seeds_[account] = std::move(seed); });
  if (!read) return read;
  read = store_.each_policy([&](const store::PolicyRow& row) {
    auto compiled = to_policy(row);
    if (!compiled) {
      trouble = Error{Fault::permanent, row.id + ": " + compiled.error().message};
      return;
    }
    change.put_policies.push_back(std::move(*compiled));
    flush(change.put_policies.size(), load_batch);
  });
  if (!read) return read;
  // A policy that cannot be read would leave its webhooks without protection: refuse to start.
  if (trouble) return tl::unexpected(*trouble);
  read = store_.each_webhook([&](const store::WebhookRow& row) {
    change.put_webhooks.push_back(to_webhook(row, seed_of(row.account_id)));
    flush(change.put_webhooks.size(), load_batch);
  });
  if (!read) return read;
  flush(1, 1);
  return load_signers();
}

Result<void> Publisher::load_signers() {
  if (keyring_ == nullptr) return {};
  std::vector<store::DkimKeyRow> keys;  // of one domain
  const auto flush = [&] {
    if (!keys.empty()) keyring_->put(to_signer(keys));
    keys.clear();
  };
  const Result<void> read = store_.each_dkim_signing_key([&](store::DkimKeyRow row) {
    if (!keys.empty() && keys.back().domain_id != row.domain_id) flush();
    keys.push_back(std::move(row));
  });
  if (read) flush();
  return read;
}

/// What is read is the newest state, whatever the edit made of it: the edits that follow it lead to
/// the same.
Result<void> Publisher::follow(const store::Change& edit) {
  const std::lock_guard lock(mutex_);
  policy::Change change;
  for (const store::Change::Key& key : edit.keys) {
    if (key.kind == "policy") {
      const auto row = store_.policy(key.account_id, key.id);
      if (!row) return tl::unexpected(row.error());
      if (!*row) {
        change.remove_policies.push_back(key.id);
        continue;
      }
      auto compiled = to_policy(**row);
      if (!compiled) return diverged(compiled.error());
      change.put_policies.push_back(std::move(*compiled));
    } else if (key.kind == "webhook") {
      const auto row = store_.webhook(key.account_id, key.id);
      if (!row) return tl::unexpected(row.error());
      if (*row) {
        change.put_webhooks.push_back(to_webhook(**row, seed_of(key.account_id)));
      } else {
        change.remove_webhooks.push_back(key.id);
      }
    } else if (key.kind == "domain") {
      const auto owned = store_.owns_verified_domain(key.account_id, key.id);
      if (!owned) return tl::unexpected(owned.error());
      *owned ? change.put_domains.push_back({key.id, key.account_id})
             : change.remove_domains.push_back(key.id);
    }
  }
  directory_.apply(std::move(change));
  for (const store::Change::Key& key : edit.keys) {
    if (key.kind == "dkim" || key.kind == "domain") {
      if (auto published = publish_signer(key.id); !published) return published;
    } else if (key.kind == "signing_seed") {
      const auto row = store_.account(key.account_id.empty() ? key.id : key.account_id);
      if (!row) return tl::unexpected(row.error());
      const std::string& account = key.account_id.empty() ? key.id : key.account_id;
      if (*row && !(*row)->signing_seed.empty()) {
        seeds_[account] = (*row)->signing_seed;
      } else {
        seeds_.erase(account);
      }
      if (auto published = publish_all_webhooks(account); !published) return published;
    }
  }
  return {};
}

Result<void> Publisher::publish_signer(const std::string& domain) {
  if (keyring_ == nullptr) return {};
  const auto keys = store_.dkim_signing_keys(domain);
  if (!keys) return diverged(keys.error());
  if (keys->empty()) {
    keyring_->remove(domain);
  } else {
    keyring_->put(to_signer(*keys));
  }
  return {};
}

Result<void> Publisher::publish_policy(const std::string& account, const std::string& id) {
  // Read back: the store gives the credentials their order.
  const auto row = store_.policy(account, id);
  if (!row) return diverged(row.error());
  if (!*row) return {};
  auto compiled = to_policy(**row);
  if (!compiled) return diverged(compiled.error());
  policy::Change change;
  change.put_policies.push_back(std::move(*compiled));
  directory_.apply(std::move(change));
  return {};
}

Result<void> Publisher::publish_webhooks(const std::string& account,
                                         const std::vector<std::string>& ids,
                                         policy::Change change) {
  for (const std::string& id : ids) {
    const auto row = store_.webhook(account, id);
    if (!row) return diverged(row.error());
    if (*row) change.put_webhooks.push_back(to_webhook(**row, seed_of(account)));
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
  change.remove_policies.push_back(id);
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
  change.remove_webhooks.push_back(id);
  directory_.apply(std::move(change));
  return outcome;
}

Result<store::DomainVerified> Publisher::verify_domain(const std::string& account,
                                                       const store::DomainRow& domain,
                                                       store::Time at,
                                                       const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<store::DomainVerified> verified = store_.verify_domain(account, domain.id, at, &audit);
  if (!verified || verified->outcome != WriteOutcome::done) return verified;
  policy::Change change;
  change.put_domains.push_back({domain.name, account});
  for (const std::string& id : verified->deactivated_webhooks) {
    const auto known = directory_.webhook(id);
    if (!known) continue;
    const auto row = store_.webhook(known->account_id, id);
    if (!row) return diverged(row.error());
    if (*row) change.put_webhooks.push_back(to_webhook(**row, seed_of(known->account_id)));
  }
  directory_.apply(std::move(change));
  if (auto published = publish_signer(domain.name); !published)
    return tl::unexpected(published.error());
  return verified;
}

Result<WriteOutcome> Publisher::note_domain_check(const store::DomainRow& domain, store::Time at,
                                                  std::optional<store::Time> failing_since,
                                                  bool verified) {
  const std::lock_guard lock(mutex_);
  Result<WriteOutcome> outcome = store_.note_domain_check(domain.id, at, failing_since, verified);
  if (!outcome || *outcome != WriteOutcome::done || verified) return outcome;
  if (auto published = publish_signer(domain.name); !published)
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
  if (!outcome || *outcome != WriteOutcome::done || !domain.verified) return outcome;
  policy::Change change;
  change.remove_domains.push_back(domain.name);
  directory_.apply(std::move(change));
  if (keyring_ != nullptr) keyring_->remove(domain.name);
  return outcome;
}

Result<store::AccountDeleted> Publisher::delete_account(const std::string& account,
                                                        const store::AuditRow& audit) {
  const std::lock_guard lock(mutex_);
  Result<store::AccountDeleted> deleted = store_.delete_account(account, &audit);
  if (!deleted || deleted->outcome != WriteOutcome::done) return deleted;
  policy::Change change;
  change.remove_webhooks = deleted->webhooks;
  change.remove_policies = deleted->policies;
  change.remove_domains = deleted->domains;
  seeds_.erase(account);
  directory_.apply(std::move(change));
  for (const std::string& domain : deleted->domains) {
    if (keyring_ != nullptr) keyring_->remove(domain);
  }
  return deleted;
}

Result<void> Publisher::publish_all_webhooks(const std::string& account) {
  for (store::Page page{0, page_rows};; page.offset += page.limit) {
    const auto rows = store_.webhooks(account, store::WebhookFilter::all, page);
    if (!rows) return diverged(rows.error());
    policy::Change change;
    for (const store::WebhookRow& row : rows->rows)
      change.put_webhooks.push_back(to_webhook(row, seed_of(account)));
    directory_.apply(std::move(change));
    if (page.offset + page.limit >= rows->total) return {};
  }
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
    seeds_[account] = seed;
  }
  if (auto published = publish_all_webhooks(account); !published)
    return tl::unexpected(published.error());
  return outcome;
}

}  // namespace postern::admin
