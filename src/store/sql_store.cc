// SqlStore: accounts and two-factor sign-in.
#include "store/sql_store.h"

#include "store/sql_rows.h"

namespace postern::store {

using rows::affected;
using rows::exists;

namespace {

/// `text` with the condition that the address is ?1.
std::string same_email(const Sql& sql, std::string_view text) {
  return std::string(text) + std::string(sql.same_email());
}

}  // namespace

Result<WriteOutcome> SqlStore::outcome_of(const Error& error) {
  // The account was deleted while the request was running.
  if (error.fault == Fault::not_found) return WriteOutcome::not_found;
  if (error.fault == Fault::conflict) return WriteOutcome::taken;
  return tl::unexpected(error);
}

SqlStore::Stored SqlStore::stored_by(const Sql& sql, std::string_view account) {
  const auto number = [](const SqlRow& row, int column) {
    return static_cast<std::uint64_t>(row.integer(column));
  };
  const auto found = sql.one(
      "SELECT policy_count, credential_count, webhook_count, stored_octets FROM account "
      "WHERE id = ?",
      [&](const SqlRow& row) {
        return Stored{.policies = number(row, 0),
                      .credentials = number(row, 1),
                      .webhooks = number(row, 2),
                      .octets = number(row, 3)};
      },
      account);
  return rows::found(found) ? **found : Stored();  // on an error: write() returns it
}

WriteOutcome SqlStore::bounded(const Sql& sql, std::string_view account,
                               const Stored& before) const {
  const Stored now = stored_by(sql, account);
  const auto within = [](std::uint64_t was, std::uint64_t is, std::uint64_t most) {
    return is <= std::max(was, most);
  };
  const bool fits = within(before.policies, now.policies, limits_.policies) &&
                    within(before.credentials, now.credentials, limits_.credentials) &&
                    within(before.webhooks, now.webhooks, limits_.webhooks) &&
                    within(before.octets, now.octets, limits_.octets);
  return fits ? WriteOutcome::done : WriteOutcome::too_many;
}

void SqlStore::insert_audit(const Sql& sql, const AuditRow& entry) {
  sql.execute(
      "INSERT INTO audit (id, account_id, action, details, ip, actor, created_at) "
      "VALUES (?,?,?,?,?,?,?)",
      entry.id, entry.account_id, entry.action, entry.details, entry.ip, entry.actor,
      entry.created_at);
}

// Accounts

Result<WriteOutcome> SqlStore::create_account(const AccountRow& account, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) { return insert_account(sql, account); });
}

WriteOutcome SqlStore::insert_account(const Sql& sql, const AccountRow& account) {
  if (exists(sql.number(same_email(sql, "SELECT count(*) FROM account WHERE "), account.email))) {
    return WriteOutcome::taken;
  }
  // The first account of an emptied store gets seq 1 again. The API decides whether it may be
  // created.
  if (sql.sqlite() != nullptr) {
    sql.execute(
        "DELETE FROM sqlite_sequence WHERE name = 'account' "
        "AND NOT EXISTS (SELECT 1 FROM account)");
  }
  sql.execute(
      "INSERT INTO account (id, email, password_hash, timezone, created_at, updated_at, team_id, "
      "role) VALUES (?,?,?,?,?,?,?,?)",
      account.id, account.email, account.password_hash, account.timezone, account.created_at,
      account.updated_at, account.team_id.empty() ? account.id : account.team_id,
      to_string(account.role));
  return WriteOutcome::done;
}

Result<std::optional<AccountRow>> SqlStore::account(std::string_view id) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " + rows::account.list + " FROM account WHERE id = ?", rows::account, id);
}

Result<std::optional<AccountRow>> SqlStore::account_by_email(std::string_view email) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one(
      "SELECT " + rows::account.list + " FROM account WHERE " + std::string(sql->same_email()),
      rows::account, email);
}

Result<Listed<AccountRow>> SqlStore::accounts(const Page& page) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found =
      sql->all("SELECT " + rows::account.list + " FROM account ORDER BY seq DESC LIMIT ? OFFSET ?",
               rows::account, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  const auto total = sql->number("SELECT count(*) FROM account");
  if (!total) return tl::unexpected(total.error());
  return Listed<AccountRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<std::string> SqlStore::first_account() {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  // Numbers are not reused while other accounts exist, so an account created after the first
  // one was deleted is not the first.
  auto found = sql->one("SELECT id FROM account WHERE seq = 1",
                        [](const SqlRow& row) { return row.text(0); });
  if (!found) return tl::unexpected(found.error());
  return found->value_or("");
}

Result<WriteOutcome> SqlStore::set_password(std::string_view account, const Secret& hash,
                                            Tokens tokens, std::string_view keep_session,
                                            const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    return replace_password(sql, account, hash, tokens, keep_session);
  });
}

WriteOutcome SqlStore::replace_password(const Sql& sql, std::string_view account,
                                        const Secret& hash, Tokens tokens,
                                        std::string_view keep_session) {
  if (affected(sql.execute("UPDATE account SET password_hash = ?, updated_at = ? WHERE id = ?",
                           hash, now(), account)) == 0) {
    return WriteOutcome::not_found;
  }
  sql.execute("DELETE FROM session WHERE account_id = ? AND id <> ?", account, keep_session);
  sql.execute("DELETE FROM link WHERE account_id = ? AND kind = 'reset'", account);
  if (tokens == Tokens::revoke) {
    sql.execute("DELETE FROM api_token WHERE maker = ?", account);
  }
  return WriteOutcome::done;
}

Result<WriteOutcome> SqlStore::rehash_password(std::string_view account, const Secret& was,
                                               const Secret& hash) {
  return write(nullptr, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto changed =
        sql.execute("UPDATE account SET password_hash = ? WHERE id = ? AND password_hash = ?", hash,
                    account, was);
    return affected(changed) == 0 ? WriteOutcome::stale : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqlStore::set_email(std::string_view account, std::string_view email,
                                         const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    if (exists(sql.number(same_email(sql, "SELECT count(*) FROM account WHERE id <> ?2 AND "),
                          email, account))) {
      return WriteOutcome::taken;
    }
    const auto changed = sql.execute("UPDATE account SET email = ?, updated_at = ? WHERE id = ?",
                                     email, now(), account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqlStore::set_timezone(std::string_view account, std::string_view timezone) {
  return write(nullptr, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto changed = sql.execute("UPDATE account SET timezone = ?, updated_at = ? WHERE id = ?",
                                     timezone, now(), account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<AccountDeleted> SqlStore::delete_account(std::string_view account, const AuditRow* audit) {
  AccountDeleted deleted;
  const Result<WriteOutcome> outcome = write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto ids = [&](std::string_view text) {
      const auto first = [](const SqlRow& row) { return row.text(0); };
      return sql.all(text, first, account).value_or(std::vector<std::string>());
    };
    deleted.webhooks = ids("SELECT id FROM webhook WHERE account_id = ?");
    deleted.policies = ids("SELECT id FROM policy WHERE account_id = ?");
    deleted.domains = ids("SELECT name FROM domain WHERE account_id = ? AND verified");
    sql.execute("DELETE FROM audit WHERE account_id = ?", account);
    // Webhooks first, because they refer to policies.
    sql.execute("DELETE FROM webhook WHERE account_id = ?", account);
    sql.execute("DELETE FROM account WHERE team_id = ? AND id <> ?", account, account);
    const auto gone = sql.execute("DELETE FROM account WHERE id = ?", account);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  deleted.outcome = *outcome;
  return deleted;
}

Result<WriteOutcome> SqlStore::set_signing_key(std::string_view account, const Secret& seed,
                                               std::string_view public_key, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto changed = sql.execute(
        "UPDATE account SET signing_seed = ?, signing_public_key = ?, updated_at = ? WHERE id = ?",
        SecretBlob{seed}, public_key, now(), account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

// Two-factor sign-in

Result<WriteOutcome> SqlStore::begin_totp(std::string_view account, const Secret& pending) {
  return write(nullptr, [&](const Sql& sql) {
    sql.lock_account(account);
    if (exists(sql.number("SELECT count(*) FROM account WHERE id = ? AND totp_secret <> ''",
                          account))) {
      return WriteOutcome::in_use;
    }
    const auto changed =
        sql.execute("UPDATE account SET totp_pending = ? WHERE id = ?", pending, account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqlStore::enable_totp(std::string_view account, const Secret& pending,
                                           std::int64_t step,
                                           const std::vector<Secret>& backup_hashes,
                                           const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    if (exists(sql.number("SELECT count(*) FROM account WHERE id = ? AND totp_secret <> ''",
                          account))) {
      return WriteOutcome::in_use;
    }
    const auto changed = sql.execute(
        "UPDATE account SET totp_secret = totp_pending, totp_pending = '', totp_last_step = ?, "
        "updated_at = ? WHERE id = ? AND totp_pending <> '' AND totp_pending = ?",
        step, now(), account, pending);
    if (affected(changed) == 0) return WriteOutcome::not_found;
    replace_backup_codes(sql, account, backup_hashes);
    return WriteOutcome::done;
  });
}

void SqlStore::replace_backup_codes(const Sql& sql, std::string_view account,
                                    const std::vector<Secret>& hashes) {
  sql.execute("DELETE FROM backup_code WHERE account_id = ?", account);
  for (const Secret& hash : hashes) {
    sql.execute("INSERT INTO backup_code (account_id, hash) VALUES (?,?)", account,
                SecretBlob{hash});
  }
}

Result<WriteOutcome> SqlStore::disable_totp(std::string_view account, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto changed = sql.execute(
        "UPDATE account SET totp_secret = '', totp_pending = '', updated_at = ? "
        "WHERE id = ? AND totp_secret <> ''",
        now(), account);
    if (affected(changed) == 0) return WriteOutcome::not_found;
    replace_backup_codes(sql, account, {});
    return WriteOutcome::done;
  });
}

Result<WriteOutcome> SqlStore::set_backup_codes(std::string_view account,
                                                const std::vector<Secret>& hashes,
                                                const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    if (!exists(sql.number("SELECT count(*) FROM account WHERE id = ?", account))) {
      return WriteOutcome::not_found;
    }
    replace_backup_codes(sql, account, hashes);
    return WriteOutcome::done;
  });
}

/// True if the statement changed a row. A code works once: in doubt, it has been used.
Result<bool> SqlStore::spend(const std::function<Result<std::int64_t>(const Sql& sql)>& use) {
  const Result<WriteOutcome> spent = write(
      nullptr,
      [&](const Sql& sql) {
        return affected(use(sql)) == 1 ? WriteOutcome::done : WriteOutcome::not_found;
      },
      InDoubt::spent);
  if (!spent) return tl::unexpected(spent.error());
  return *spent == WriteOutcome::done;
}

Result<bool> SqlStore::use_totp_step(std::string_view account, std::int64_t step) {
  return spend([&](const Sql& sql) {
    return sql.execute("UPDATE account SET totp_last_step = ? WHERE id = ? AND totp_last_step < ?",
                       step, account, step);
  });
}

Result<bool> SqlStore::use_backup_code(std::string_view account, const Secret& hash) {
  return spend([&](const Sql& sql) {
    return sql.execute("DELETE FROM backup_code WHERE account_id = ? AND hash = ?", account,
                       SecretBlob{hash});
  });
}

Result<std::uint64_t> SqlStore::backup_codes_left(std::string_view account) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  const auto left = sql->number("SELECT count(*) FROM backup_code WHERE account_id = ?", account);
  if (!left) return tl::unexpected(left.error());
  return static_cast<std::uint64_t>(*left);
}

}  // namespace postern::store
