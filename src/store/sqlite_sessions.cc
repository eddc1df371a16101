// SqliteStore: sessions with their refresh tokens, and API tokens.
#include "store/sqlite_rows.h"
#include "store/sqlite_store.h"

namespace postern::store {

using rows::affected;
using rows::exists;

/// Triggers catch every statement and every cascade. Inserts change nobody's access. Of a person's
/// frequent updates, only role, team and password matter.
Result<void> SqliteStore::on_access_change(std::function<void(std::string_view id)> tell) {
  const std::lock_guard lock(mutex_);
  for (const std::string_view sql :
       {"PRAGMA temp_store = MEMORY", "CREATE TEMP TABLE IF NOT EXISTS access_change (id TEXT)",
        "CREATE TEMP TRIGGER IF NOT EXISTS session_ends AFTER DELETE ON main.session "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END",
        "CREATE TEMP TRIGGER IF NOT EXISTS api_token_ends AFTER DELETE ON main.api_token "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END",
        "CREATE TEMP TRIGGER IF NOT EXISTS person_ends AFTER DELETE ON main.account "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END",
        "CREATE TEMP TRIGGER IF NOT EXISTS person_changes "
        "AFTER UPDATE OF role, team_id, password_hash ON main.account "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END"}) {
    const auto made = database_->execute(sql);
    if (!made) return tl::unexpected(made.error());
  }
  access_changed_ = std::move(tell);
  return {};
}

void SqliteStore::tell_access_changes() {
  if (!access_changed_) return;
  const auto ids =
      database_->all("SELECT id FROM access_change", [](const Row& row) { return row.text(0); });
  if (ids && ids->empty()) return;
  if (ids) {
    for (const std::string& id : *ids) access_changed_(id);
  } else {
    access_changed_("");  // the ids are unknown
  }
  database_->execute("DELETE FROM access_change");
}

Result<bool> SqliteStore::written_elsewhere() {
  const std::lock_guard lock(mutex_);
  const auto version = database_->number("PRAGMA data_version");
  if (!version) return tl::unexpected(version.error());
  const std::int64_t before = std::exchange(data_version_, *version);
  return before != 0 && before != *version;
}

Result<WriteOutcome> SqliteStore::create_session(const SessionRow& session,
                                                 const Secret& token_hash, const AuditRow* audit,
                                                 const AccountRow* judged) {
  return write(audit, [&] {
    if (judged != nullptr &&
        !exists(database_->number("SELECT count(*) FROM account WHERE id = ? AND password_hash = ? "
                                  "AND totp_secret = ?",
                                  judged->id, judged->password_hash, judged->totp_secret))) {
      return WriteOutcome::stale;
    }
    database_->execute("INSERT INTO session (" + rows::session.stored + ") VALUES (?,?,?,?,?,?,?)",
                       session.id, session.account_id, session.ip, session.user_agent,
                       session.created_at, session.refreshed_at, session.expires_at);
    database_->execute("INSERT INTO refresh_token (hash, session_id, expires_at) VALUES (?,?,?)",
                       Blob{token_hash.reveal()}, session.id, session.expires_at);
    database_->execute("UPDATE account SET last_seen_at = ? WHERE id = ?", session.created_at,
                       session.account_id);
    return WriteOutcome::done;
  });
}

namespace {

struct Token {
  std::string session_id;
  std::string account_id;
  bool spent = false;
  Time expires_at;
};

Result<std::optional<Token>> find_token(Database& database, const Secret& hash) {
  return database.one(
      "SELECT t.session_id, s.account_id, t.spent, t.expires_at FROM refresh_token t "
      "JOIN session s ON s.id = t.session_id WHERE t.hash = ?",
      [](const Row& row) { return Token{row.text(0), row.text(1), row.boolean(2), row.time(3)}; },
      Blob{hash.reveal()});
}

}  // namespace

Result<Refreshed> SqliteStore::refresh_session(const Secret& token_hash, const Secret& next_hash,
                                               Time at, Time next_expires_at) {
  Refreshed refreshed;
  const Result<WriteOutcome> outcome = write(nullptr, [&] {
    const auto token = find_token(*database_, token_hash);
    if (!rows::found(token)) return WriteOutcome::not_found;
    const Token& given = **token;
    refreshed.session_id = given.session_id;
    refreshed.account_id = given.account_id;
    if (given.spent) {
      // Two parties hold this token and one may have stolen it: end the session for both.
      refreshed.result = Refreshed::Result::reused;
      database_->execute("DELETE FROM session WHERE id = ?", given.session_id);
      return WriteOutcome::done;
    }
    if (given.expires_at <= at) return WriteOutcome::not_found;
    database_->execute("UPDATE refresh_token SET spent = 1 WHERE hash = ?",
                       Blob{token_hash.reveal()});
    database_->execute("INSERT INTO refresh_token (hash, session_id, expires_at) VALUES (?,?,?)",
                       Blob{next_hash.reveal()}, given.session_id, next_expires_at);
    database_->execute("UPDATE session SET refreshed_at = ?, expires_at = ? WHERE id = ?", at,
                       next_expires_at, given.session_id);
    // Expired tokens are refused anyway; their `spent` mark is no longer needed.
    database_->execute("DELETE FROM refresh_token WHERE session_id = ? AND expires_at <= ?",
                       given.session_id, at);
    refreshed.result = Refreshed::Result::renewed;
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  if (*outcome != WriteOutcome::done) return Refreshed{};
  return refreshed;
}

Result<std::optional<SessionRow>> SqliteStore::end_session_by_token(
    const Secret& token_hash,
    const std::function<std::optional<AuditRow>(const SessionRow&)>& audit) {
  std::optional<SessionRow> ended;
  const Result<WriteOutcome> outcome = write(nullptr, [&] {
    auto session = database_->one(
        "SELECT " + rows::session.list +
            " FROM session WHERE id = (SELECT session_id FROM refresh_token WHERE hash = ?)",
        rows::session, Blob{token_hash.reveal()});
    if (!rows::found(session)) return WriteOutcome::not_found;
    ended = std::move(**session);
    database_->execute("DELETE FROM session WHERE id = ?", ended->id);
    const auto entry = audit ? audit(*ended) : std::nullopt;
    if (entry) insert_audit(*entry);
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  if (*outcome != WriteOutcome::done) return std::nullopt;  // rolled back
  return ended;
}

Result<WriteOutcome> SqliteStore::end_session(std::string_view account, std::string_view id,
                                              const AuditRow* audit) {
  return write(audit, [&] {
    const auto gone =
        database_->execute("DELETE FROM session WHERE account_id = ? AND id = ?", account, id);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<std::optional<SessionRow>> SqliteStore::session(std::string_view id, Time at) {
  const std::lock_guard lock(mutex_);
  return database_->one(
      "SELECT " + rows::session.list + " FROM session WHERE id = ? AND expires_at > ?",
      rows::session, id, at);
}

Result<Listed<SessionRow>> SqliteStore::sessions(std::string_view account, Time at) {
  const std::lock_guard lock(mutex_);
  auto found = database_->all("SELECT " + rows::session.list +
                                  " FROM session WHERE account_id = ? AND expires_at > ? "
                                  "ORDER BY seq DESC LIMIT 1000",
                              rows::session, account, at);
  if (!found) return tl::unexpected(found.error());
  const std::uint64_t total = found->size();
  return Listed<SessionRow>{std::move(*found), total};
}

Result<std::uint64_t> SqliteStore::purge_sessions(Time expired_before) {
  const std::lock_guard lock(mutex_);
  const auto gone = database_->execute("DELETE FROM session WHERE expires_at < ?", expired_before);
  if (!gone) return tl::unexpected(gone.error());
  tell_access_changes();
  return static_cast<std::uint64_t>(*gone);
}

// API tokens

Result<WriteOutcome> SqliteStore::create_api_token(const ApiTokenRow& token,
                                                   const AuditRow* audit) {
  return write(audit, [&] {
    database_->execute(
        "INSERT INTO api_token (" + rows::api_token.stored + ") VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        token.id, token.account_id, token.name, token.prefix, Blob{token.hash.reveal()},
        rows::join(token.scopes), rows::join(token.allowed_ips), token.expires_at,
        token.last_used_at, token.created_at, token.maker.empty() ? token.account_id : token.maker);
    return WriteOutcome::done;
  });
}

Result<Listed<ApiTokenRow>> SqliteStore::api_tokens(std::string_view account, const Page& page) {
  const std::lock_guard lock(mutex_);
  auto found = database_->all("SELECT " + rows::api_token.list +
                                  " FROM api_token WHERE account_id = ? "
                                  "ORDER BY seq DESC LIMIT ? OFFSET ?",
                              rows::api_token, account, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  const auto total =
      database_->number("SELECT count(*) FROM api_token WHERE account_id = ?", account);
  if (!total) return tl::unexpected(total.error());
  return Listed<ApiTokenRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<std::optional<ApiTokenRow>> SqliteStore::api_token_by_hash(const Secret& hash) {
  const std::lock_guard lock(mutex_);
  return database_->one("SELECT " + rows::api_token.list + " FROM api_token WHERE hash = ?",
                        rows::api_token, Blob{hash.reveal()});
}

Result<WriteOutcome> SqliteStore::delete_api_token(std::string_view account, std::string_view maker,
                                                   std::string_view id, const AuditRow* audit) {
  return write(audit, [&] {
    const auto gone = database_->execute(
        "DELETE FROM api_token WHERE account_id = ?1 AND id = ?2 AND (?3 = '' OR maker = ?3)",
        account, id, maker);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<void> SqliteStore::touch_api_token(std::string_view id, Time at) {
  const std::lock_guard lock(mutex_);
  const auto done = database_->execute(
      "UPDATE api_token SET last_used_at = ?1 WHERE id = ?2 "
      "AND (last_used_at IS NULL OR last_used_at <= ?3)",
      at, id, at - std::chrono::minutes(1));
  if (!done) return tl::unexpected(done.error());
  return {};
}

}  // namespace postern::store
