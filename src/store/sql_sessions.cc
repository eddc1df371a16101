// SqlStore: sessions with their refresh tokens, and API tokens.
#include "store/sql_rows.h"
#include "store/sql_store.h"

namespace postern::store {

using rows::affected;
using rows::exists;

Result<WriteOutcome> SqlStore::create_session(const SessionRow& session, const Secret& token_hash,
                                              const AuditRow* audit, const AccountRow* judged) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(session.account_id);
    if (judged != nullptr &&
        !exists(sql.number("SELECT count(*) FROM account WHERE id = ? AND password_hash = ? "
                           "AND totp_secret = ?",
                           judged->id, judged->password_hash, judged->totp_secret))) {
      return WriteOutcome::stale;
    }
    sql.execute("INSERT INTO session (" + rows::session.stored + ") VALUES (?,?,?,?,?,?,?)",
                session.id, session.account_id, session.ip, session.user_agent, session.created_at,
                session.refreshed_at, session.expires_at);
    sql.execute("INSERT INTO refresh_token (hash, session_id, expires_at) VALUES (?,?,?)",
                SecretBlob{token_hash}, session.id, session.expires_at);
    sql.execute("UPDATE account SET last_seen_at = ? WHERE id = ?", session.created_at,
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

Result<std::optional<Token>> find_token(const Sql& sql, const Secret& hash) {
  return sql.one(
      "SELECT t.session_id, s.account_id, t.spent, t.expires_at FROM refresh_token t "
      "JOIN session s ON s.id = t.session_id WHERE t.hash = ?",
      [](const SqlRow& row) {
        return Token{row.text(0), row.text(1), row.boolean(2), row.time(3)};
      },
      SecretBlob{hash});
}

}  // namespace

Result<Refreshed> SqlStore::refresh_session(const Secret& token_hash, const Secret& next_hash,
                                            Time at, Time next_expires_at) {
  Refreshed refreshed;
  const auto spend = [&](const Sql& sql) {
    refreshed = {};
    sql.on_pgsql("SELECT 1 FROM refresh_token WHERE hash = ? FOR UPDATE", SecretBlob{token_hash});
    const auto token = find_token(sql, token_hash);
    if (!rows::found(token)) return WriteOutcome::not_found;
    const Token& given = **token;
    refreshed.session_id = given.session_id;
    refreshed.account_id = given.account_id;
    if (given.spent) {
      // Two parties hold this token and one may have stolen it: end the session for both.
      refreshed.result = Refreshed::Result::reused;
      sql.execute("DELETE FROM session WHERE id = ?", given.session_id);
      return WriteOutcome::done;
    }
    if (given.expires_at <= at) return WriteOutcome::not_found;
    sql.execute("UPDATE refresh_token SET spent = true WHERE hash = ?", SecretBlob{token_hash});
    sql.execute("INSERT INTO refresh_token (hash, session_id, expires_at) VALUES (?,?,?)",
                SecretBlob{next_hash}, given.session_id, next_expires_at);
    sql.execute("UPDATE session SET refreshed_at = ?, expires_at = ? WHERE id = ?", at,
                next_expires_at, given.session_id);
    // Expired tokens are refused anyway; their `spent` mark is no longer needed.
    sql.execute("DELETE FROM refresh_token WHERE session_id = ? AND expires_at <= ?",
                given.session_id, at);
    refreshed.result = Refreshed::Result::renewed;
    return WriteOutcome::done;
  };
  const Result<WriteOutcome> outcome = write(nullptr, spend, InDoubt::spent);
  if (!outcome) return tl::unexpected(outcome.error());
  if (*outcome != WriteOutcome::done) return Refreshed{};
  return refreshed;
}

Result<std::optional<SessionRow>> SqlStore::end_session_by_token(
    const Secret& token_hash,
    const std::function<std::optional<AuditRow>(const SessionRow&)>& audit) {
  std::optional<SessionRow> ended;
  const Result<WriteOutcome> outcome = write(nullptr, [&](const Sql& sql) {
    auto session = sql.one(
        "SELECT " + rows::session.list +
            " FROM session WHERE id = (SELECT session_id FROM refresh_token WHERE hash = ?)",
        rows::session, SecretBlob{token_hash});
    if (!rows::found(session)) return WriteOutcome::not_found;
    ended = std::move(**session);
    sql.execute("DELETE FROM session WHERE id = ?", ended->id);
    const auto entry = audit ? audit(*ended) : std::nullopt;
    if (entry) insert_audit(sql, *entry);
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  if (*outcome != WriteOutcome::done) return std::nullopt;  // rolled back
  return ended;
}

Result<WriteOutcome> SqlStore::end_session(std::string_view account, std::string_view id,
                                           const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    const auto gone =
        sql.execute("DELETE FROM session WHERE account_id = ? AND id = ?", account, id);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<std::optional<SessionRow>> SqlStore::session(std::string_view id, Time at) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " + rows::session.list + " FROM session WHERE id = ? AND expires_at > ?",
                  rows::session, id, at);
}

Result<Listed<SessionRow>> SqlStore::sessions(std::string_view account, Time at) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = sql->all("SELECT " + rows::session.list +
                            " FROM session WHERE account_id = ? AND expires_at > ? "
                            "ORDER BY seq DESC LIMIT 1000",
                        rows::session, account, at);
  if (!found) return tl::unexpected(found.error());
  const std::uint64_t total = found->size();
  return Listed<SessionRow>{std::move(*found), total};
}

namespace {

/// The log of edits, by one node at a time. Marks of edits that no memory holds are not asked for
/// after the seconds in which an edit in doubt is repeated. Changes stay for a week: a node that
/// was silent for less goes on where it was, and any other one begins anew. Piece by piece, since
/// each statement has a time limit.
void purge_changes(const Sql& sql) {
  if (sql.sqlite() != nullptr) return;  // it has no log
  const auto mine = sql.number("SELECT pg_try_advisory_xact_lock(7306, 1)::int::bigint");
  if (!mine || *mine == 0) return;
  sql.on_pgsql(
      "DELETE FROM change WHERE edit IN (SELECT edit FROM change WHERE n IS NULL AND at < now() - "
      "interval '1 hour' LIMIT 50000)");
  sql.on_pgsql(
      "WITH gone AS (DELETE FROM change WHERE edit IN (SELECT edit FROM change WHERE at < now() - "
      "interval '7 days' ORDER BY n LIMIT 10000) RETURNING tx) DELETE FROM change_key USING gone "
      "WHERE change_key.tx = gone.tx");
}

}  // namespace

Result<std::uint64_t> SqlStore::purge_sessions(Time expired_before) {
  std::int64_t gone = 0;
  const Result<WriteOutcome> outcome = write(nullptr, [&](const Sql& sql) {
    gone = affected(sql.execute("DELETE FROM session WHERE expires_at < ?", expired_before));
    purge_changes(sql);
    return WriteOutcome::done;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  return static_cast<std::uint64_t>(gone);
}

// API tokens

Result<WriteOutcome> SqlStore::create_api_token(const ApiTokenRow& token, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(token.account_id);
    sql.execute(
        "INSERT INTO api_token (" + rows::api_token.stored + ") VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        token.id, token.account_id, token.name, token.prefix, SecretBlob{token.hash},
        rows::join(token.scopes), rows::join(token.allowed_ips), token.expires_at,
        token.last_used_at, token.created_at, token.maker.empty() ? token.account_id : token.maker);
    return WriteOutcome::done;
  });
}

Result<Listed<ApiTokenRow>> SqlStore::api_tokens(std::string_view account, const Page& page) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = sql->all("SELECT " + rows::api_token.list +
                            " FROM api_token WHERE account_id = ? "
                            "ORDER BY seq DESC LIMIT ? OFFSET ?",
                        rows::api_token, account, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  const auto total = sql->number("SELECT count(*) FROM api_token WHERE account_id = ?", account);
  if (!total) return tl::unexpected(total.error());
  return Listed<ApiTokenRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<std::optional<ApiTokenRow>> SqlStore::api_token_by_hash(const Secret& hash) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " + rows::api_token.list + " FROM api_token WHERE hash = ?",
                  rows::api_token, SecretBlob{hash});
}

Result<WriteOutcome> SqlStore::delete_api_token(std::string_view account, std::string_view maker,
                                                std::string_view id, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    const auto gone = sql.execute(
        "DELETE FROM api_token WHERE account_id = ?1 AND id = ?2 AND (?3 = '' OR maker = ?3)",
        account, id, maker);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<void> SqlStore::touch_api_token(std::string_view id, Time at) {
  return note([&](const Sql& sql) {
    return sql.execute(
        "UPDATE api_token SET last_used_at = ?1 WHERE id = ?2 "
        "AND (last_used_at IS NULL OR last_used_at <= ?3)",
        at, id, at - std::chrono::minutes(1));
  });
}

}  // namespace postern::store
