// SqlStore: policies with their credentials.
#include <map>
#include <span>

#include <fmt/format.h>

#include "store/keyset.h"
#include "store/sql_rows.h"
#include "store/sql_store.h"

namespace postern::store {

using rows::affected;

namespace {

CredentialRow credential(const SqlRow& row) {
  return {row.text(0), row.secret(1), static_cast<std::uint64_t>(row.integer(2))};
}

/// Policies that are read at a time.
constexpr std::size_t policies_at_once = 256;

/// What a credential that cannot be read is.
enum class Unreadable {
  an_error,
  noted,  ///< in PolicyRow::unreadable; its hash is empty
};

/// Adds their credentials to policies, with one statement.
Result<void> add_credentials(const Sql& sql, std::span<PolicyRow> policies,
                             Unreadable unreadable = Unreadable::an_error) {
  if (policies.empty()) return {};
  std::map<std::string_view, PolicyRow*> by_id;
  std::string ids;  // made by new_id(): without commas and quotes
  for (PolicyRow& policy : policies) {
    by_id[policy.id] = &policy;
    ids += (ids.empty() ? "" : ",") + policy.id;
  }
  const std::string_view among =
      sql.sqlite() != nullptr
          ? R"(IN (SELECT value FROM json_each('["' || replace(?, ',', '","') || '"]')))"
          : "= ANY(string_to_array(?, ','))";
  const auto added = sql.all(
      fmt::format("SELECT username, hash, ord, policy_id FROM credential WHERE policy_id {} ORDER "
                  "BY policy_id, position",
                  among),
      [&](const SqlRow& row) {
        const auto policy = by_id.find(row.text(3));
        if (policy == by_id.end()) return true;
        policy->second->credentials.push_back(credential(row));
        if (unreadable == Unreadable::noted) {
          if (std::string why = row.take_trouble(); !why.empty()) policy->second->unreadable = why;
        }
        return true;
      },
      ids);
  return added ? Result<void>() : tl::unexpected(added.error());
}

std::uint64_t policy_octets(const PolicyRow& policy) {
  std::uint64_t octets = policy.name.size() + policy.definition.size();
  for (const CredentialRow& one : policy.credentials) {
    octets += one.username.size() + one.hash.size();
  }
  return octets;
}

}  // namespace

void SqlStore::replace_credentials(const Sql& sql, const PolicyRow& policy) {
  // A user keeps its place in the order: a new password must not move it after a user of the same
  // name in another account's policy.
  std::map<std::string, std::uint64_t, std::less<>> orders;
  const auto kept = sql.all(
      "SELECT username, ord FROM credential WHERE policy_id = ?",
      [](const SqlRow& row) {
        return std::pair(row.text(0), static_cast<std::uint64_t>(row.integer(1)));
      },
      policy.id);
  if (kept) orders.insert(kept->begin(), kept->end());
  sql.execute("DELETE FROM credential WHERE policy_id = ?", policy.id);
  std::int64_t position = 0;
  for (const CredentialRow& given : policy.credentials) {
    const auto old = orders.find(given.username);
    ++position;
    if (old == orders.end()) {
      sql.execute("INSERT INTO credential (policy_id, position, username, hash) VALUES (?,?,?,?)",
                  policy.id, position, given.username, given.hash);
    } else {
      sql.execute(
          "INSERT INTO credential (ord, policy_id, position, username, hash) VALUES (?,?,?,?,?)",
          old->second, policy.id, position, given.username, given.hash);
    }
  }
  sql.execute("UPDATE policy SET credential_count = ?, octets = ? WHERE id = ?",
              policy.credentials.size(), policy_octets(policy), policy.id);
}

Result<WriteOutcome> SqlStore::create_policy(const PolicyRow& policy, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(policy.account_id);
    const Stored before = stored_by(sql, policy.account_id);
    sql.execute(
        "INSERT INTO policy (id, account_id, name, definition, version, credentials_version, "
        "created_at, updated_at) VALUES (?,?,?,?,?,?,?,?)",
        policy.id, policy.account_id, policy.name, policy.definition, policy.version,
        policy.credentials_version, policy.created_at, policy.updated_at);
    replace_credentials(sql, policy);
    return bounded(sql, policy.account_id, before);
  });
}

Result<std::optional<PolicyRow>> SqlStore::policy(std::string_view account, std::string_view id) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found =
      sql->one("SELECT " + rows::policy.list + " FROM policy WHERE id = ? AND account_id = ?",
               rows::policy, id, account);
  if (!rows::found(found)) return found;
  if (const auto added = add_credentials(*sql, std::span(&**found, 1)); !added) {
    return tl::unexpected(added.error());
  }
  return found;
}

Result<Listed<PolicyRow>> SqlStore::policies(std::string_view account, const Page& page) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = sql->all("SELECT " + rows::policy.list +
                            " FROM policy WHERE account_id = ? "
                            "ORDER BY seq DESC LIMIT ? OFFSET ?",
                        rows::policy, account, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  if (const auto added = add_credentials(*sql, *found); !added) {
    return tl::unexpected(added.error());
  }
  const auto total = sql->number("SELECT policy_count FROM account WHERE id = ?", account);
  if (!total) return tl::unexpected(total.error());
  return Listed<PolicyRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<Slice<PolicyRow>> SqlStore::policy_slice(std::string_view account, const Keyset& keyset) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = slice(
      *sql,
      "SELECT " + rows::policy.list +
          ", seq FROM policy WHERE account_id = ? AND seq < ? ORDER BY seq DESC",
      rows::policy.count(), keyset, rows::policy,
      [](const SqlRow& row, const Needle& needle) {
        return needle.everything() || needle.in(row.text(rows::policy.at("name")));
      },
      account);
  if (!found) return found;
  if (const auto added = add_credentials(*sql, found->rows); !added) {
    return tl::unexpected(added.error());
  }
  return found;
}

namespace {

/// Why an UPDATE or DELETE with a version in its WHERE changed no row.
WriteOutcome untouched_policy(const Sql& sql, std::string_view account, std::string_view id) {
  const auto there =
      sql.number("SELECT count(*) FROM policy WHERE id = ? AND account_id = ?", id, account);
  return rows::exists(there) ? WriteOutcome::stale : WriteOutcome::not_found;
}

}  // namespace

Result<WriteOutcome> SqlStore::update_policy(const PolicyRow& policy,
                                             std::uint64_t expected_version,
                                             const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(policy.account_id);
    const Stored before = stored_by(sql, policy.account_id);
    const auto changed = sql.execute(
        "UPDATE policy SET name = ?, definition = ?, version = ?, credentials_version = ?, "
        "updated_at = ? WHERE id = ? AND account_id = ? AND version = ?",
        policy.name, policy.definition, policy.version, policy.credentials_version,
        policy.updated_at, policy.id, policy.account_id, expected_version);
    if (affected(changed) == 0) return untouched_policy(sql, policy.account_id, policy.id);
    replace_credentials(sql, policy);
    return bounded(sql, policy.account_id, before);
  });
}

Result<PolicyDeleted> SqlStore::delete_policy(
    std::string_view account, std::string_view id, std::optional<std::uint64_t> expected_version,
    IfUsed if_used, Time at,
    const std::function<AuditRow(const std::vector<std::string>&)>& audit) {
  PolicyDeleted deleted;
  std::optional<std::pair<std::vector<std::string>, AuditRow>> entry;
  const Result<WriteOutcome> outcome = write(nullptr, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto version = sql.one(
        "SELECT version FROM policy WHERE id = ? AND account_id = ?",
        [](const SqlRow& row) { return static_cast<std::uint64_t>(row.integer(0)); }, id, account);
    if (!rows::found(version)) return WriteOutcome::not_found;
    if (expected_version && **version != *expected_version) return WriteOutcome::stale;
    deleted.detached_webhooks = sql.all(
                                       "SELECT id FROM webhook WHERE policy_id = ? ORDER BY seq",
                                       [](const SqlRow& row) { return row.text(0); }, id)
                                    .value_or(std::vector<std::string>());
    if (if_used == IfUsed::refuse && !deleted.detached_webhooks.empty())
      return WriteOutcome::in_use;
    sql.execute(
        "UPDATE webhook SET policy_id = NULL, version = version + 1, updated_at = ? "
        "WHERE policy_id = ?",
        at, id);
    sql.execute("DELETE FROM policy WHERE id = ?", id);
    // A transaction that runs again has the same entry.
    if (audit && (!entry || entry->first != deleted.detached_webhooks)) {
      entry.emplace(deleted.detached_webhooks, audit(deleted.detached_webhooks));
    }
    if (entry) insert_audit(sql, entry->second);
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  deleted.outcome = *outcome;
  return deleted;
}

Result<void> SqlStore::each_policy(const std::function<void(PolicyRow)>& take, const Which& which) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  std::vector<PolicyRow> page;
  Result<void> given;
  const auto give = [&] {
    given = add_credentials(*sql, page, Unreadable::noted);
    if (given) {
      for (PolicyRow& policy : page) take(std::move(policy));
    }
    page.clear();
    return given.has_value();
  };
  Result<void> done = rows::each_of(*sql, "SELECT " + rows::policy.list + " FROM policy", which,
                                    [&](const SqlRow& row) {
                                      page.push_back(rows::policy(row));
                                      return page.size() < policies_at_once || give();
                                    });
  if (done && given) give();
  return given ? done : given;
}

}  // namespace postern::store
