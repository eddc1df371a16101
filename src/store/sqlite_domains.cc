// SqliteStore: domains, the audit log, and the server's secrets.
#include "store/sqlite_rows.h"
#include "store/sqlite_store.h"

namespace postern::store {

using rows::affected;
using rows::exists;

Result<WriteOutcome> SqliteStore::create_domain(const DomainRow& domain, const AuditRow* audit) {
  return write(audit, [&] {
    if (exists(database_->number(
            "SELECT count(*) FROM domain WHERE name = ? AND (verified OR account_id = ?)",
            domain.name, domain.account_id))) {
      return WriteOutcome::taken;
    }
    // Counts up to the limit only. Without a limit this binds -1, SQLite's "all rows".
    const auto held = database_->number(
        "SELECT count(*) FROM (SELECT 1 FROM domain WHERE account_id = ? LIMIT ?)",
        domain.account_id, limits_.domains);
    if (held && static_cast<std::uint64_t>(*held) >= limits_.domains) return WriteOutcome::too_many;
    database_->execute(
        "INSERT INTO domain (" + rows::domain.stored + ") VALUES (?,?,?,?,?,?,?,?,?)", domain.id,
        domain.account_id, domain.name, domain.verified, domain.verification_token,
        domain.checked_at, domain.failing_since, domain.created_at, domain.updated_at);
    return WriteOutcome::done;
  });
}

Result<std::optional<DomainRow>> SqliteStore::domain(std::string_view account,
                                                     std::string_view id) {
  const std::lock_guard lock(mutex_);
  return database_->one(
      "SELECT " + rows::domain.list + " FROM domain WHERE id = ? AND account_id = ?", rows::domain,
      id, account);
}

Result<Listed<DomainRow>> SqliteStore::domains(std::string_view account) {
  const std::lock_guard lock(mutex_);
  auto found = database_->all(
      "SELECT " + rows::domain.list + " FROM domain WHERE account_id = ? ORDER BY seq DESC",
      rows::domain, account);
  if (!found) return tl::unexpected(found.error());
  const std::uint64_t total = found->size();
  return Listed<DomainRow>{std::move(*found), total};
}

Result<bool> SqliteStore::owns_verified_domain(std::string_view account, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = database_->number(
      "SELECT count(*) FROM domain WHERE name = ? AND account_id = ? AND verified", name, account);
  if (!found) return tl::unexpected(found.error());
  return *found != 0;
}

Result<DomainVerified> SqliteStore::verify_domain(std::string_view account, std::string_view id,
                                                  Time at, const AuditRow* audit) {
  DomainVerified verified;
  const Result<WriteOutcome> outcome = write(audit, [&] {
    const auto name = database_->one(
        "SELECT name FROM domain WHERE id = ? AND account_id = ?",
        [](const Row& row) { return row.text(0); }, id, account);
    if (!rows::found(name)) return WriteOutcome::not_found;
    if (exists(database_->number(
            "SELECT count(*) FROM domain WHERE name = ? AND verified AND account_id <> ?", **name,
            account))) {
      return WriteOutcome::taken;
    }
    database_->execute(
        "UPDATE domain SET verified = 1, checked_at = ?, failing_since = NULL, updated_at = ? "
        "WHERE id = ?",
        at, at, id);
    // Otherwise addresses of a former owner would keep receiving the new owner's mail.
    verified.deactivated_webhooks =
        database_
            ->all(
                "SELECT id FROM webhook WHERE domain = ? AND account_id <> ? AND is_active",
                [](const Row& row) { return row.text(0); }, **name, account)
            .value_or(std::vector<std::string>());
    database_->execute(
        "UPDATE webhook SET is_active = 0, version = version + 1, updated_at = ? "
        "WHERE domain = ? AND account_id <> ? AND is_active",
        at, **name, account);
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  verified.outcome = *outcome;
  return verified;
}

Result<WriteOutcome> SqliteStore::delete_domain(std::string_view account, std::string_view id,
                                                const AuditRow* audit) {
  return write(audit, [&] {
    if (exists(database_->number(
            "SELECT count(*) FROM (SELECT 1 FROM webhook WHERE account_id = ?1 AND domain = "
            "(SELECT name FROM domain WHERE id = ?2 AND account_id = ?1) LIMIT 1)",
            account, id))) {
      return WriteOutcome::in_use;
    }
    const auto gone =
        database_->execute("DELETE FROM domain WHERE id = ? AND account_id = ?", id, account);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<std::vector<DomainRow>> SqliteStore::domains_due(Time checked_before, std::uint64_t limit) {
  const std::lock_guard lock(mutex_);
  return database_->all("SELECT " + rows::domain.list +
                            " FROM domain WHERE verified AND checked_at < ? "
                            "ORDER BY checked_at LIMIT ?",
                        rows::domain, checked_before, limit);
}

Result<WriteOutcome> SqliteStore::note_domain_check(std::string_view id, Time at,
                                                    std::optional<Time> failing_since,
                                                    bool verified) {
  return write(nullptr, [&] {
    const auto changed = database_->execute(
        "UPDATE domain SET checked_at = ?, failing_since = ?, verified = ?, updated_at = ? "
        "WHERE id = ?",
        at, failing_since, verified, at, id);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

// Audit

Result<void> SqliteStore::append_audit(const AuditRow& entry) {
  const Result<WriteOutcome> outcome = write(&entry, [] { return WriteOutcome::done; });
  if (!outcome) return tl::unexpected(outcome.error());
  return {};
}

Result<Listed<AuditRow>> SqliteStore::audit_log(std::string_view account, const AuditPage& page) {
  const std::lock_guard lock(mutex_);
  auto found = database_->all(
      "SELECT id, account_id, action, details, ip, actor, created_at, coalesce("
      "(SELECT email FROM account WHERE account.id = actor AND role <> ''), "
      "(SELECT name FROM api_token WHERE api_token.id = actor), '') FROM audit "
      "WHERE account_id = ?1 AND seq < iif(?2 = '', 9223372036854775807, "
      "(SELECT seq FROM audit AS last WHERE last.id = ?2 AND last.account_id = ?1)) "
      "ORDER BY seq DESC LIMIT ?3",
      [](const Row& row) {
        return AuditRow{row.text(0), row.text(1), row.text(2), row.text(3),
                        row.text(4), row.text(5), row.time(6), row.text(7)};
      },
      account, page.before, page.limit);
  if (!found) return tl::unexpected(found.error());
  const auto total = database_->number("SELECT audit_count FROM account WHERE id = ?", account);
  if (!total) return tl::unexpected(total.error());
  return Listed<AuditRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

// The server's secrets

Result<std::vector<SigningKeyRow>> SqliteStore::signing_keys() {
  const std::lock_guard lock(mutex_);
  return database_->all(
      "SELECT kid, key, created_at, retired_at FROM signing_key ORDER BY created_at DESC, kid",
      [](const Row& row) {
        return SigningKeyRow{row.text(0), row.secret(1), row.time(2), row.optional_time(3)};
      });
}

Result<void> SqliteStore::put_signing_key(const SigningKeyRow& key) {
  const std::lock_guard lock(mutex_);
  const auto done = database_->execute(
      "INSERT INTO signing_key (kid, key, created_at, retired_at) VALUES (?,?,?,?) "
      "ON CONFLICT (kid) DO UPDATE SET key = excluded.key, retired_at = excluded.retired_at",
      key.kid, Blob{key.key.reveal()}, key.created_at, key.retired_at);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> SqliteStore::delete_signing_key(std::string_view kid) {
  const std::lock_guard lock(mutex_);
  const auto done = database_->execute("DELETE FROM signing_key WHERE kid = ?", kid);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<Secret> SqliteStore::server_secret(std::string_view name, const Secret& first) {
  const std::lock_guard lock(mutex_);
  const auto done = database_->execute(
      "INSERT INTO server_secret (name, value) VALUES (?,?) ON CONFLICT DO NOTHING", name,
      Blob{first.reveal()});
  if (!done) return tl::unexpected(done.error());
  auto value = database_->one(
      "SELECT value FROM server_secret WHERE name = ?",
      [](const Row& row) { return row.secret(0); }, name);
  if (!value) return tl::unexpected(value.error());
  return value->value_or(first);
}

Result<void> SqliteStore::each_verified_domain(const std::function<void(DomainRow)>& take) {
  const std::lock_guard lock(mutex_);
  return database_->each("SELECT " + rows::domain.list + " FROM domain WHERE verified",
                         [&](const Row& row) { take(rows::domain(row)); });
}

Result<void> SqliteStore::each_signing_seed(const std::function<void(std::string, Secret)>& take) {
  const std::lock_guard lock(mutex_);
  return database_->each("SELECT id, signing_seed FROM account WHERE length(signing_seed) > 0",
                         [&](const Row& row) { take(row.text(0), row.secret(1)); });
}

}  // namespace postern::store
