#include "store/sqlite_store.h"

#include "store/sqlite_rows.h"
#include "store/sqlite_schema.h"

namespace postern::store {

using rows::affected;
using rows::exists;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, Use use) {
  auto database = Database::open(path, control_schema(), {.use = use});
  if (!database) return tl::unexpected(database.error());
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(*database)));
}

Result<WriteOutcome> SqliteStore::write(const AuditRow* audit,
                                        const std::function<WriteOutcome()>& work) {
  const std::lock_guard lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(*database_);
  if (!transaction) return tl::unexpected(transaction.error());
  const WriteOutcome outcome = work();
  if (outcome == WriteOutcome::done && audit != nullptr) insert_audit(*audit);
  if (const std::optional<Error>& error = database_->transaction_error()) {
    // The account was deleted while the request was running.
    if (error->fault == Fault::not_found) return WriteOutcome::not_found;
    if (error->fault == Fault::conflict) return WriteOutcome::taken;
    return tl::unexpected(*error);
  }
  if (outcome != WriteOutcome::done) return outcome;
  if (const Result<void> kept = transaction->commit(); !kept) return tl::unexpected(kept.error());
  tell_access_changes();
  return WriteOutcome::done;
}

SqliteStore::Stored SqliteStore::stored_by(std::string_view account) {
  const auto number = [](const Row& row, int column) {
    return static_cast<std::uint64_t>(row.integer(column));
  };
  const auto found = database_->one(
      "SELECT policy_count, credential_count, webhook_count, stored_octets FROM account "
      "WHERE id = ?",
      [&](const Row& row) {
        return Stored{.policies = number(row, 0),
                      .credentials = number(row, 1),
                      .webhooks = number(row, 2),
                      .octets = number(row, 3)};
      },
      account);
  return rows::found(found) ? **found : Stored();  // on an error: write() returns it
}

WriteOutcome SqliteStore::bounded(std::string_view account, const Stored& before) {
  const Stored now = stored_by(account);
  const auto within = [](std::uint64_t was, std::uint64_t is, std::uint64_t most) {
    return is <= std::max(was, most);
  };
  const bool fits = within(before.policies, now.policies, limits_.policies) &&
                    within(before.credentials, now.credentials, limits_.credentials) &&
                    within(before.webhooks, now.webhooks, limits_.webhooks) &&
                    within(before.octets, now.octets, limits_.octets);
  return fits ? WriteOutcome::done : WriteOutcome::too_many;
}

void SqliteStore::insert_audit(const AuditRow& entry) {
  database_->execute(
      "INSERT INTO audit (id, account_id, action, details, ip, actor, created_at) "
      "VALUES (?,?,?,?,?,?,?)",
      entry.id, entry.account_id, entry.action, entry.details, entry.ip, entry.actor,
      entry.created_at);
}

Result<void> SqliteStore::probe() {
  const std::lock_guard lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(*database_);
  if (!transaction) return tl::unexpected(transaction.error());
  database_->execute("INSERT INTO server_secret (name, value) VALUES ('probe', zeroblob(65536))");
  database_->execute("DELETE FROM server_secret WHERE name = 'probe'");
  return transaction->commit();
}

// Accounts

Result<WriteOutcome> SqliteStore::create_account(const AccountRow& account, const AuditRow* audit) {
  return write(audit, [&] { return insert_account(account); });
}

WriteOutcome SqliteStore::insert_account(const AccountRow& account) {
  if (exists(database_->number("SELECT count(*) FROM account WHERE email = ?", account.email))) {
    return WriteOutcome::taken;
  }
  // The first account of an emptied store gets seq 1 again. The API decides whether it may be
  // created.
  database_->execute(
      "DELETE FROM sqlite_sequence WHERE name = 'account' "
      "AND NOT EXISTS (SELECT 1 FROM account)");
  database_->execute(
      "INSERT INTO account (id, email, password_hash, timezone, created_at, updated_at, team_id, "
      "role) VALUES (?,?,?,?,?,?,?,?)",
      account.id, account.email, account.password_hash, account.timezone, account.created_at,
      account.updated_at, account.team_id.empty() ? account.id : account.team_id,
      to_string(account.role));
  return WriteOutcome::done;
}

Result<std::optional<AccountRow>> SqliteStore::account(std::string_view id) {
  const std::lock_guard lock(mutex_);
  return database_->one("SELECT " + rows::account.list + " FROM account WHERE id = ?",
                        rows::account, id);
}

Result<std::optional<AccountRow>> SqliteStore::account_by_email(std::string_view email) {
  const std::lock_guard lock(mutex_);
  return database_->one("SELECT " + rows::account.list + " FROM account WHERE email = ?",
                        rows::account, email);
}

Result<Listed<AccountRow>> SqliteStore::accounts(const Page& page) {
  const std::lock_guard lock(mutex_);
  auto found = database_->all(
      "SELECT " + rows::account.list + " FROM account ORDER BY seq DESC LIMIT ? OFFSET ?",
      rows::account, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  const auto total = database_->number("SELECT count(*) FROM account");
  if (!total) return tl::unexpected(total.error());
  return Listed<AccountRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<std::string> SqliteStore::first_account() {
  const std::lock_guard lock(mutex_);
  // AUTOINCREMENT does not reuse numbers while other accounts exist, so an account created after
  // the first one was deleted is not the first.
  auto found = database_->one("SELECT id FROM account WHERE seq = 1",
                              [](const Row& row) { return row.text(0); });
  if (!found) return tl::unexpected(found.error());
  return found->value_or("");
}

Result<WriteOutcome> SqliteStore::set_password(std::string_view account, const Secret& hash,
                                               Tokens tokens, std::string_view keep_session,
                                               const AuditRow* audit) {
  return write(audit, [&] { return replace_password(account, hash, tokens, keep_session); });
}

WriteOutcome SqliteStore::replace_password(std::string_view account, const Secret& hash,
                                           Tokens tokens, std::string_view keep_session) {
  if (affected(
          database_->execute("UPDATE account SET password_hash = ?, updated_at = ? WHERE id = ?",
                             hash, now(), account)) == 0) {
    return WriteOutcome::not_found;
  }
  database_->execute("DELETE FROM session WHERE account_id = ? AND id <> ?", account, keep_session);
  database_->execute("DELETE FROM link WHERE account_id = ? AND kind = 'reset'", account);
  if (tokens == Tokens::revoke) {
    database_->execute("DELETE FROM api_token WHERE maker = ?", account);
  }
  return WriteOutcome::done;
}

Result<WriteOutcome> SqliteStore::rehash_password(std::string_view account, const Secret& was,
                                                  const Secret& hash) {
  return write(nullptr, [&] {
    const auto changed = database_->execute(
        "UPDATE account SET password_hash = ? WHERE id = ? AND password_hash = ?", hash, account,
        was);
    return affected(changed) == 0 ? WriteOutcome::stale : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqliteStore::set_email(std::string_view account, std::string_view email,
                                            const AuditRow* audit) {
  return write(audit, [&] {
    if (exists(database_->number("SELECT count(*) FROM account WHERE email = ? AND id <> ?", email,
                                 account))) {
      return WriteOutcome::taken;
    }
    const auto changed = database_->execute(
        "UPDATE account SET email = ?, updated_at = ? WHERE id = ?", email, now(), account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqliteStore::set_timezone(std::string_view account,
                                               std::string_view timezone) {
  return write(nullptr, [&] {
    const auto changed = database_->execute(
        "UPDATE account SET timezone = ?, updated_at = ? WHERE id = ?", timezone, now(), account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<AccountDeleted> SqliteStore::delete_account(std::string_view account,
                                                   const AuditRow* audit) {
  AccountDeleted deleted;
  const auto ids = [&](std::string_view sql) {
    return database_->all(
                        sql, [](const Row& row) { return row.text(0); }, account)
        .value_or(std::vector<std::string>());
  };
  const Result<WriteOutcome> outcome = write(audit, [&] {
    deleted.webhooks = ids("SELECT id FROM webhook WHERE account_id = ?");
    deleted.policies = ids("SELECT id FROM policy WHERE account_id = ?");
    deleted.domains = ids("SELECT name FROM domain WHERE account_id = ? AND verified");
    database_->execute("DELETE FROM audit WHERE account_id = ?", account);
    // Webhooks first, because they refer to policies.
    database_->execute("DELETE FROM webhook WHERE account_id = ?", account);
    database_->execute("DELETE FROM account WHERE team_id = ? AND id <> ?", account, account);
    const auto gone = database_->execute("DELETE FROM account WHERE id = ?", account);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  deleted.outcome = *outcome;
  return deleted;
}

Result<WriteOutcome> SqliteStore::set_signing_key(std::string_view account, const Secret& seed,
                                                  std::string_view public_key,
                                                  const AuditRow* audit) {
  return write(audit, [&] {
    const auto changed = database_->execute(
        "UPDATE account SET signing_seed = ?, signing_public_key = ?, updated_at = ? WHERE id = ?",
        Blob{seed.reveal()}, public_key, now(), account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

// Two-factor sign-in

Result<WriteOutcome> SqliteStore::begin_totp(std::string_view account, const Secret& pending) {
  return write(nullptr, [&] {
    if (exists(database_->number("SELECT count(*) FROM account WHERE id = ? AND totp_secret <> ''",
                                 account))) {
      return WriteOutcome::in_use;
    }
    const auto changed =
        database_->execute("UPDATE account SET totp_pending = ? WHERE id = ?", pending, account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqliteStore::enable_totp(std::string_view account, const Secret& pending,
                                              std::int64_t step,
                                              const std::vector<Secret>& backup_hashes,
                                              const AuditRow* audit) {
  return write(audit, [&] {
    if (exists(database_->number("SELECT count(*) FROM account WHERE id = ? AND totp_secret <> ''",
                                 account))) {
      return WriteOutcome::in_use;
    }
    const auto changed = database_->execute(
        "UPDATE account SET totp_secret = totp_pending, totp_pending = '', totp_last_step = ?, "
        "updated_at = ? WHERE id = ? AND totp_pending <> '' AND totp_pending = ?",
        step, now(), account, pending);
    if (affected(changed) == 0) return WriteOutcome::not_found;
    replace_backup_codes(account, backup_hashes);
    return WriteOutcome::done;
  });
}

void SqliteStore::replace_backup_codes(std::string_view account,
                                       const std::vector<Secret>& hashes) {
  database_->execute("DELETE FROM backup_code WHERE account_id = ?", account);
  for (const Secret& hash : hashes) {
    database_->execute("INSERT INTO backup_code (account_id, hash) VALUES (?,?)", account,
                       Blob{hash.reveal()});
  }
}

Result<WriteOutcome> SqliteStore::disable_totp(std::string_view account, const AuditRow* audit) {
  return write(audit, [&] {
    const auto changed = database_->execute(
        "UPDATE account SET totp_secret = '', totp_pending = '', updated_at = ? "
        "WHERE id = ? AND totp_secret <> ''",
        now(), account);
    if (affected(changed) == 0) return WriteOutcome::not_found;
    replace_backup_codes(account, {});
    return WriteOutcome::done;
  });
}

Result<WriteOutcome> SqliteStore::set_backup_codes(std::string_view account,
                                                   const std::vector<Secret>& hashes,
                                                   const AuditRow* audit) {
  return write(audit, [&] {
    if (!exists(database_->number("SELECT count(*) FROM account WHERE id = ?", account))) {
      return WriteOutcome::not_found;
    }
    replace_backup_codes(account, hashes);
    return WriteOutcome::done;
  });
}

Result<bool> SqliteStore::use_totp_step(std::string_view account, std::int64_t step) {
  const std::lock_guard lock(mutex_);
  const auto changed = database_->execute(
      "UPDATE account SET totp_last_step = ? WHERE id = ? AND totp_last_step < ?", step, account,
      step);
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

Result<bool> SqliteStore::use_backup_code(std::string_view account, const Secret& hash) {
  const std::lock_guard lock(mutex_);
  const auto changed = database_->execute(
      "DELETE FROM backup_code WHERE account_id = ? AND hash = ?", account, Blob{hash.reveal()});
  if (!changed) return tl::unexpected(changed.error());
  return *changed == 1;
}

Result<std::uint64_t> SqliteStore::backup_codes_left(std::string_view account) {
  const std::lock_guard lock(mutex_);
  const auto left =
      database_->number("SELECT count(*) FROM backup_code WHERE account_id = ?", account);
  if (!left) return tl::unexpected(left.error());
  return static_cast<std::uint64_t>(*left);
}

}  // namespace postern::store
