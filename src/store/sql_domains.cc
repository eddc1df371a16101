// SqlStore: domains, the audit log, and the server's secrets.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/ulid.h"
#include "store/sql_rows.h"
#include "store/sql_store.h"

namespace postern::store {

using rows::affected;
using rows::exists;

Result<WriteOutcome> SqlStore::create_domain(const DomainRow& domain, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(domain.account_id);
    if (exists(sql.number(
            "SELECT count(*) FROM domain WHERE name = ? AND (verified OR account_id = ?)",
            domain.name, domain.account_id))) {
      return WriteOutcome::taken;
    }
    // Counts up to the limit only.
    constexpr std::uint64_t all = std::numeric_limits<std::int64_t>::max();
    const auto held = sql.number(
        "SELECT count(*) FROM (SELECT 1 FROM domain WHERE account_id = ? LIMIT ?) AS found",
        domain.account_id, std::min(limits_.domains, all));
    if (held && static_cast<std::uint64_t>(*held) >= limits_.domains) return WriteOutcome::too_many;
    sql.execute("INSERT INTO domain (" + rows::domain.stored + ") VALUES (?,?,?,?,?,?,?,?,?)",
                domain.id, domain.account_id, domain.name, domain.verified,
                domain.verification_token, domain.checked_at, domain.failing_since,
                domain.created_at, domain.updated_at);
    return WriteOutcome::done;
  });
}

Result<std::optional<DomainRow>> SqlStore::domain(std::string_view account, std::string_view id) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " + rows::domain.list + " FROM domain WHERE id = ? AND account_id = ?",
                  rows::domain, id, account);
}

Result<Listed<DomainRow>> SqlStore::domains(std::string_view account) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = sql->all(
      "SELECT " + rows::domain.list + " FROM domain WHERE account_id = ? ORDER BY seq DESC",
      rows::domain, account);
  if (!found) return tl::unexpected(found.error());
  const std::uint64_t total = found->size();
  return Listed<DomainRow>{std::move(*found), total};
}

namespace {

/// The account that has verified a domain.
Result<std::optional<std::string>> owner_of(const Sql& sql, std::string_view domain) {
  return sql.one(
      "SELECT account_id FROM domain WHERE name = ? AND verified",
      [](const SqlRow& row) { return row.text(0); }, domain);
}

}  // namespace

Result<std::optional<std::string>> SqlStore::owner_of_domain(std::string_view name) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return owner_of(*sql, name);
}

bool SqlStore::is_of_another(const Sql& sql, std::string_view domain, std::string_view account) {
  const auto owner = owner_of(sql, domain);
  return rows::found(owner) && **owner != account;
}

namespace {

/// A webhook that loses its address.
struct LostAddress {
  std::string id;
  std::string account;
  std::string address;
};

/// An entry about what the gateway does by itself.
AuditRow own_entry(std::string account, std::string action, const boost::json::object& details,
                   Time at) {
  return {.id = "al_" + new_ulid(),
          .account_id = std::move(account),
          .action = std::move(action),
          .details = boost::json::serialize(details),
          .ip = "",
          .actor = "postern",
          .created_at = at};
}

/// An entry about a domain that its account has no longer.
AuditRow lost_domain(const DomainRow& domain, std::string action, Time at) {
  return own_entry(domain.account_id, std::move(action), {{"id", domain.id}, {"name", domain.name}},
                   at);
}

}  // namespace

/// Otherwise the former owner of a domain would keep receiving the new owner's mail, or read in his
/// traces who writes to an address that he has switched off. `again`: the domain is the owner's
/// already, and those that have lost theirs stay as they are. The ids.
std::vector<std::string> SqlStore::take_webhooks(const Sql& sql, const std::string& domain,
                                                 std::string_view owner, bool again, Time at) {
  // "lost-" and a ULID. What a former owner has named so himself is taken the first time.
  const std::string lost = again ? "lost-" + std::string(26, '_') + "@%" : "";
  const auto theirs =
      sql.all(
             "SELECT id, account_id, address FROM webhook WHERE domain = ? AND account_id <> ? "
             "AND address NOT LIKE ? ORDER BY seq",
             [](const SqlRow& row) { return LostAddress{row.text(0), row.text(1), row.text(2)}; },
             domain, owner, lost)
          .value_or(std::vector<LostAddress>());
  std::vector<std::string> ids;
  for (const LostAddress& one : theirs) {
    // A random name: no account can have taken it before.
    const std::string address = "lost-" + lower(new_ulid()) + "@" + domain;
    sql.execute(
        "UPDATE webhook SET is_active = false, address = ?, octets = octets + ?, "
        "version = version + 1, updated_at = ? WHERE id = ?",
        address,
        static_cast<std::int64_t>(address.size()) - static_cast<std::int64_t>(one.address.size()),
        at, one.id);
    const boost::json::object details{{"webhook", one.id},
                                      {"email_address", one.address},
                                      {"why", "another account has verified " + domain}};
    insert_audit(sql, own_entry(one.account, "webhook.domain_lost", details, at));
    ids.push_back(one.id);
  }
  return ids;
}

Result<DomainVerified> SqlStore::verify_domain(std::string_view account, std::string_view id,
                                               Time at, const AuditRow* audit) {
  DomainVerified verified;
  const Result<WriteOutcome> outcome = write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto before =
        sql.one("SELECT " + rows::domain.list + " FROM domain WHERE id = ? AND account_id = ?",
                rows::domain, id, account);
    if (!rows::found(before)) return WriteOutcome::not_found;
    const DomainRow& domain = **before;
    if (is_of_another(sql, domain.name, account)) return WriteOutcome::taken;
    sql.execute(
        "UPDATE domain SET verified = true, checked_at = ?, failing_since = NULL, updated_at = ? "
        "WHERE id = ?",
        at, at, id);
    verified.lost_webhooks = take_webhooks(sql, domain.name, account, domain.verified, at);
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  verified.outcome = *outcome;
  return verified;
}

Result<WriteOutcome> SqlStore::delete_domain(std::string_view account, std::string_view id,
                                             const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    if (exists(sql.number(
            "SELECT count(*) FROM (SELECT 1 FROM webhook WHERE account_id = ?1 AND domain = "
            "(SELECT name FROM domain WHERE id = ?2 AND account_id = ?1) LIMIT 1) AS found",
            account, id))) {
      return WriteOutcome::in_use;
    }
    const auto gone =
        sql.execute("DELETE FROM domain WHERE id = ? AND account_id = ?", id, account);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<std::vector<DomainRow>> SqlStore::domains_due(Time checked_before, std::uint64_t limit) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->all("SELECT " + rows::domain.list +
                      " FROM domain WHERE verified AND checked_at < ? "
                      "ORDER BY checked_at LIMIT ?",
                  rows::domain, checked_before, limit);
}

Result<WriteOutcome> SqlStore::note_domain_check(std::string_view id, Time at,
                                                 std::optional<Time> failing_since, bool verified) {
  return write(nullptr, [&](const Sql& sql) {
    const auto changed = sql.execute(
        "UPDATE domain SET checked_at = ?, failing_since = ?, verified = ?, updated_at = ? "
        "WHERE id = ? AND verified",
        at, failing_since, verified, at, id);
    if (affected(changed) == 0) return WriteOutcome::not_found;
    if (!verified) {
      const auto row =
          sql.one("SELECT " + rows::domain.list + " FROM domain WHERE id = ?", rows::domain, id);
      if (rows::found(row)) insert_audit(sql, lost_domain(**row, "domain.unverified", at));
    }
    return WriteOutcome::done;
  });
}

Result<std::optional<std::string>> SqlStore::release_domain(std::string_view name, Time at) {
  std::optional<std::string> account;
  const Result<WriteOutcome> outcome = write(nullptr, [&](const Sql& sql) {
    const auto verified =
        sql.one("SELECT " + rows::domain.list + " FROM domain WHERE name = ? AND verified",
                rows::domain, name);
    if (!rows::found(verified)) return WriteOutcome::not_found;
    const DomainRow& domain = **verified;
    sql.execute("UPDATE domain SET verified = false, updated_at = ? WHERE id = ?", at, domain.id);
    insert_audit(sql, lost_domain(domain, "domain.public", at));
    account = domain.account_id;
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  return account;
}

namespace {

Result<void> done_by(const Result<WriteOutcome>& outcome) {
  if (!outcome) return tl::unexpected(outcome.error());
  return {};
}

}  // namespace

// Audit

Result<void> SqlStore::append_audit(const AuditRow& entry) {
  return done_by(write(&entry, [](const Sql&) { return WriteOutcome::done; }));
}

Result<Listed<AuditRow>> SqlStore::audit_log(std::string_view account, const AuditPage& page) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = sql->all(
      "SELECT id, account_id, action, details, ip, actor, created_at, "
      "(SELECT email FROM account WHERE account.id = actor AND role <> ''), "
      "(SELECT name FROM api_token WHERE api_token.id = actor) FROM audit "
      "WHERE account_id = ?1 AND seq < CASE WHEN ?2 = '' THEN 9223372036854775807 ELSE "
      "(SELECT seq FROM audit AS last WHERE last.id = ?2 AND last.account_id = ?1) END "
      "ORDER BY seq DESC LIMIT ?3",
      [](const SqlRow& row) {
        return AuditRow{row.text(0), row.text(1), row.text(2), row.text(3),
                        row.text(4), row.text(5), row.time(6), row.text(row.is_null(7) ? 8 : 7)};
      },
      account, page.before, page.limit);
  if (!found) return tl::unexpected(found.error());
  const auto total = sql->number("SELECT audit_count FROM account WHERE id = ?", account);
  if (!total) return tl::unexpected(total.error());
  return Listed<AuditRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

// The server's secrets

namespace {

/// A key that a gateway has made. An empty one is damaged: what it signs anybody could have signed.
Secret key_in(const SqlRow& row, int column) {
  Secret key = row.secret(column);
  if (key.size() == 0) row.spoil("a key is empty: it is damaged");
  return key;
}

}  // namespace

Result<std::vector<SigningKeyRow>> SqlStore::signing_keys() {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->all(
      "SELECT kid, key, created_at, retired_at FROM signing_key ORDER BY created_at DESC, kid",
      [](const SqlRow& row) {
        return SigningKeyRow{row.text(0), key_in(row, 1), row.time(2), row.optional_time(3)};
      });
}

Result<void> SqlStore::put_signing_key(const SigningKeyRow& key) {
  return done_by(write(nullptr, [&](const Sql& sql) {
    sql.execute(
        "INSERT INTO signing_key (kid, key, created_at, retired_at) VALUES (?,?,?,?) "
        "ON CONFLICT (kid) DO UPDATE SET key = excluded.key, retired_at = excluded.retired_at",
        key.kid, SecretBlob{key.key}, key.created_at, key.retired_at);
    return WriteOutcome::done;
  }));
}

Result<void> SqlStore::delete_signing_key(std::string_view kid) {
  return done_by(write(nullptr, [&](const Sql& sql) {
    sql.execute("DELETE FROM signing_key WHERE kid = ?", kid);
    return WriteOutcome::done;
  }));
}

/// The update changes nothing, but a commit that writes is on a second disk before a key is used.
Result<Secret> SqlStore::server_secret(std::string_view name, const Secret& first) {
  Secret value;
  const Result<void> done = done_by(write(nullptr, [&](const Sql& sql) {
    auto kept = sql.one(
        "INSERT INTO server_secret (name, value) VALUES (?,?) "
        "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING value",
        [](const SqlRow& row) { return row.secret(0); }, name, SecretBlob{first});
    if (rows::found(kept)) value = std::move(**kept);
    return WriteOutcome::done;
  }));
  if (!done) return tl::unexpected(done.error());
  if (value.size() == 0)
    return fail(Fault::permanent, fmt::format("the secret {} is empty: it is damaged", name));
  return value;
}

Result<void> SqlStore::each_verified_domain(const std::function<void(DomainRow)>& take) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->each("SELECT " + rows::domain.list + " FROM domain WHERE verified",
                   [&](const SqlRow& row) { take(rows::domain(row)); });
}

Result<void> SqlStore::each_signing_seed(const std::function<void(SigningSeedRow)>& take,
                                         const std::string& account) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  const std::string all = "SELECT id, signing_seed FROM account WHERE length(signing_seed) > 0";
  const auto read = [&](const SqlRow& row) {
    SigningSeedRow seed{.account_id = row.text(0), .seed = row.secret(1)};
    seed.unreadable = row.take_trouble();
    take(std::move(seed));
  };
  return account.empty() ? sql->each(all, read) : sql->each(all + " AND id = ?", read, account);
}

}  // namespace postern::store
