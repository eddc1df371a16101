// SqliteStore: policies with their credentials.
#include <map>

#include "store/keyset.h"
#include "store/sqlite_rows.h"
#include "store/sqlite_store.h"

namespace postern::store {

using rows::affected;

namespace {

CredentialRow credential(const Row& row) {
  return {row.text(0), row.secret(1), static_cast<std::uint64_t>(row.integer(2))};
}

Result<void> add_credentials(Database& database, PolicyRow& policy) {
  auto list = database.all(
      "SELECT username, hash, ord FROM credential WHERE policy_id = ? ORDER BY position",
      credential, policy.id);
  if (!list) return tl::unexpected(list.error());
  policy.credentials = std::move(*list);
  return {};
}

std::uint64_t octets_of(const PolicyRow& policy) {
  std::uint64_t octets = policy.name.size() + policy.definition.size();
  for (const CredentialRow& one : policy.credentials) {
    octets += one.username.size() + one.hash.size();
  }
  return octets;
}

}  // namespace

void SqliteStore::replace_credentials(const PolicyRow& policy) {
  // A user keeps its place in the order: a new password must not move it after a user of the same
  // name in another account's policy.
  std::map<std::string, std::uint64_t, std::less<>> orders;
  static_cast<void>(database_->each(
      "SELECT username, ord FROM credential WHERE policy_id = ?",
      [&](const Row& row) {
        orders.emplace(row.text(0), static_cast<std::uint64_t>(row.integer(1)));
      },
      policy.id));
  database_->execute("DELETE FROM credential WHERE policy_id = ?", policy.id);
  std::int64_t position = 0;
  for (const CredentialRow& given : policy.credentials) {
    const auto kept = orders.find(given.username);
    const auto order =
        kept == orders.end() ? std::nullopt : std::optional<std::uint64_t>(kept->second);
    database_->execute(
        "INSERT INTO credential (ord, policy_id, position, username, hash) VALUES (?,?,?,?,?)",
        order, policy.id, ++position, given.username, given.hash);
  }
  database_->execute("UPDATE policy SET credential_count = ?, octets = ? WHERE id = ?",
                     policy.credentials.size(), octets_of(policy), policy.id);
}

Result<WriteOutcome> SqliteStore::create_policy(const PolicyRow& policy, const AuditRow* audit) {
  return write(audit, [&] {
    const Stored before = stored_by(policy.account_id);
    database_->execute(
        "INSERT INTO policy (id, account_id, name, definition, version, credentials_version, "
        "created_at, updated_at) VALUES (?,?,?,?,?,?,?,?)",
        policy.id, policy.account_id, policy.name, policy.definition, policy.version,
        policy.credentials_version, policy.created_at, policy.updated_at);
    replace_credentials(policy);
    return bounded(policy.account_id, before);
  });
}

Result<std::optional<PolicyRow>> SqliteStore::policy(std::string_view account,
                                                     std::string_view id) {
  const std::lock_guard lock(mutex_);
  auto found =
      database_->one("SELECT " + rows::policy.list + " FROM policy WHERE id = ? AND account_id = ?",
                     rows::policy, id, account);
  if (!rows::found(found)) return found;
  if (const auto added = add_credentials(*database_, **found); !added) {
    return tl::unexpected(added.error());
  }
  return found;
}

Result<Listed<PolicyRow>> SqliteStore::policies(std::string_view account, const Page& page) {
  const std::lock_guard lock(mutex_);
  auto found = database_->all("SELECT " + rows::policy.list +
                                  " FROM policy WHERE account_id = ? "
                                  "ORDER BY seq DESC LIMIT ? OFFSET ?",
                              rows::policy, account, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  for (PolicyRow& policy : *found) {
    if (const auto added = add_credentials(*database_, policy); !added) {
      return tl::unexpected(added.error());
    }
  }
  const auto total = database_->number("SELECT policy_count FROM account WHERE id = ?", account);
  if (!total) return tl::unexpected(total.error());
  return Listed<PolicyRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<Slice<PolicyRow>> SqliteStore::policy_slice(std::string_view account, const Keyset& keyset) {
  const std::lock_guard lock(mutex_);
  auto found = slice(
      *database_,
      "SELECT " + rows::policy.list +
          ", seq FROM policy WHERE account_id = ? AND seq < ? ORDER BY seq DESC",
      rows::policy.count(), keyset, rows::policy,
      [](const Row& row, const Needle& needle) {
        return needle.everything() || needle.in(row.text(rows::policy.at("name")));
      },
      account);
  if (!found) return found;
  for (PolicyRow& policy : found->rows) {
    if (const auto added = add_credentials(*database_, policy); !added) {
      return tl::unexpected(added.error());
    }
  }
  return found;
}

namespace {

/// Why an UPDATE or DELETE with a version in its WHERE changed no row.
WriteOutcome untouched(Database& database, std::string_view account, std::string_view id) {
  const auto there =
      database.number("SELECT count(*) FROM policy WHERE id = ? AND account_id = ?", id, account);
  return rows::exists(there) ? WriteOutcome::stale : WriteOutcome::not_found;
}

}  // namespace

Result<WriteOutcome> SqliteStore::update_policy(const PolicyRow& policy,
                                                std::uint64_t expected_version,
                                                const AuditRow* audit) {
  return write(audit, [&] {
    const Stored before = stored_by(policy.account_id);
    const auto changed = database_->execute(
        "UPDATE policy SET name = ?, definition = ?, version = ?, credentials_version = ?, "
        "updated_at = ? WHERE id = ? AND account_id = ? AND version = ?",
        policy.name, policy.definition, policy.version, policy.credentials_version,
        policy.updated_at, policy.id, policy.account_id, expected_version);
    if (affected(changed) == 0) return untouched(*database_, policy.account_id, policy.id);
    replace_credentials(policy);
    return bounded(policy.account_id, before);
  });
}

Result<PolicyDeleted> SqliteStore::delete_policy(
    std::string_view account, std::string_view id, std::optional<std::uint64_t> expected_version,
    IfUsed if_used, Time at,
    const std::function<AuditRow(const std::vector<std::string>&)>& audit) {
  PolicyDeleted deleted;
  const Result<WriteOutcome> outcome = write(nullptr, [&] {
    const auto version = database_->one(
        "SELECT version FROM policy WHERE id = ? AND account_id = ?",
        [](const Row& row) { return static_cast<std::uint64_t>(row.integer(0)); }, id, account);
    if (!rows::found(version)) return WriteOutcome::not_found;
    if (expected_version && **version != *expected_version) return WriteOutcome::stale;
    deleted.detached_webhooks = database_
                                    ->all(
                                        "SELECT id FROM webhook WHERE policy_id = ? ORDER BY seq",
                                        [](const Row& row) { return row.text(0); }, id)
                                    .value_or(std::vector<std::string>());
    if (if_used == IfUsed::refuse && !deleted.detached_webhooks.empty())
      return WriteOutcome::in_use;
    database_->execute(
        "UPDATE webhook SET policy_id = NULL, version = version + 1, updated_at = ? "
        "WHERE policy_id = ?",
        at, id);
    database_->execute("DELETE FROM policy WHERE id = ?", id);
    if (audit) insert_audit(audit(deleted.detached_webhooks));
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  deleted.outcome = *outcome;
  return deleted;
}

Result<void> SqliteStore::each_policy(const std::function<void(PolicyRow)>& take) {
  const std::lock_guard lock(mutex_);
  std::optional<Error> trouble;
  Result<void> done = database_->each(
      "SELECT " + rows::policy.list + " FROM policy ORDER BY seq", [&](const Row& row) {
        PolicyRow policy = rows::policy(row);
        if (const auto added = add_credentials(*database_, policy); !added) {
          trouble = added.error();
          return false;
        }
        take(std::move(policy));
        return true;
      });
  if (trouble) return tl::unexpected(*trouble);
  return done;
}

}  // namespace postern::store
