// Conversions between the rows of postern.db and the types of records.h, for the files of
// SqliteStore.
#pragma once

#include <string>
#include <vector>

#include "store/records.h"

namespace postern::store::rows {

/// The number of changed rows; 0 if the statement failed.
inline std::int64_t affected(const Result<std::int64_t>& changed) { return changed.value_or(0); }
/// Whether a count is not zero; false if the statement failed.
inline bool exists(const Result<std::int64_t>& found) { return found.value_or(0) != 0; }

/// Whether a row was read; false also if the statement failed, whose error the transaction keeps.
template <class T>
bool found(const Result<std::optional<T>>& row) {
  return row && row->has_value();
}

/// The words, each on a line of its own.
std::string join(const std::vector<std::string>& words);
/// The inverse of join().
std::vector<std::string> split_words(const std::string& text);
/// A JSON object of field names and values.
std::string headers_to_json(const std::map<std::string, std::string>& headers);
/// The inverse of headers_to_json(); empty if `text` is no JSON object.
std::map<std::string, std::string> headers_from_json(const std::string& text);

/// What account() reads, in its order.
#define POSTERN_ACCOUNT_COLUMNS                                                           \
  "id, email, password_hash, timezone, totp_secret, totp_pending, totp_last_step, "       \
  "signing_seed, signing_public_key, policy_count, webhook_count, active_webhook_count, " \
  "created_at, updated_at, team_id, role, last_seen_at"
/// Reads POSTERN_ACCOUNT_COLUMNS.
AccountRow account(const Row& row);

/// The columns of a session.
#define POSTERN_SESSION_COLUMNS \
  "id, account_id, ip, user_agent, created_at, refreshed_at, expires_at"
/// What session() reads, in its order: a session and the current state of its person.
#define POSTERN_SESSION_VIEW                                               \
  POSTERN_SESSION_COLUMNS                                                  \
  ", (SELECT team_id FROM account WHERE account.id = session.account_id)," \
  " (SELECT role FROM account WHERE account.id = session.account_id),"     \
  " (SELECT last_seen_at FROM account WHERE account.id = session.account_id)"
/// Reads POSTERN_SESSION_VIEW.
SessionRow session(const Row& row);

/// The columns of an API token.
#define POSTERN_API_TOKEN_COLUMNS                                                       \
  "id, account_id, name, prefix, hash, scopes, allowed_ips, expires_at, last_used_at, " \
  "created_at, maker"
/// What api_token() reads, in its order: a token and the current state of its maker.
#define POSTERN_API_TOKEN_VIEW                                        \
  POSTERN_API_TOKEN_COLUMNS                                           \
  ", (SELECT email FROM account WHERE account.id = api_token.maker)," \
  " (SELECT role FROM account WHERE account.id = api_token.maker)"
/// Reads POSTERN_API_TOKEN_VIEW.
ApiTokenRow api_token(const Row& row);

/// What policy() reads, in its order.
#define POSTERN_POLICY_COLUMNS                                                      \
  "id, account_id, name, definition, version, credentials_version, webhook_count, " \
  "created_at, updated_at"
PolicyRow policy(const Row& row);  ///< reads POSTERN_POLICY_COLUMNS; without credentials

/// What webhook() reads, in its order.
#define POSTERN_WEBHOOK_COLUMNS                                                                    \
  "id, account_id, name, address, target_url, is_active, policy_id, custom_headers, "              \
  "payload_template, rate_limit_per_minute, delivery_mode, attachments, include_raw, timeout_ms, " \
  "secret, previous_secret, previous_expires_at, version, created_at, updated_at, "                \
  "inbox_messages, inbox_octets, inbox_keep_days"
/// Reads POSTERN_WEBHOOK_COLUMNS.
WebhookRow webhook(const Row& row);

/// What domain() reads, in its order.
#define POSTERN_DOMAIN_COLUMNS                                                                  \
  "id, account_id, name, verified, verification_token, checked_at, failing_since, created_at, " \
  "updated_at"
/// Reads POSTERN_DOMAIN_COLUMNS.
DomainRow domain(const Row& row);

}  // namespace postern::store::rows
