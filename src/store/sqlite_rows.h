// How the rows of postern.db are read; shared by the files of SqliteStore.
#pragma once

#include <string>
#include <vector>

#include "store/records.h"

namespace postern::store::rows {

inline std::int64_t affected(const Result<std::int64_t>& changed) { return changed.value_or(0); }
inline bool exists(const Result<std::int64_t>& found) { return found.value_or(0) != 0; }

/// SQL that fails leaves nothing to read: errors travel, missing rows are nullopt.
template <class T>
bool found(const Result<std::optional<T>>& row) {
  return row && row->has_value();
}

std::string join(const std::vector<std::string>& words);
std::vector<std::string> split_words(const std::string& text);
std::string headers_to_json(const std::map<std::string, std::string>& headers);
std::map<std::string, std::string> headers_from_json(const std::string& text);

#define POSTERN_ACCOUNT_COLUMNS                                                           \
  "id, email, password_hash, timezone, totp_secret, totp_pending, totp_last_step, "       \
  "signing_seed, signing_public_key, policy_count, webhook_count, active_webhook_count, " \
  "created_at, updated_at, team_id, role, last_seen_at"
AccountRow account(const Row& row);

#define POSTERN_SESSION_COLUMNS \
  "id, account_id, ip, user_agent, created_at, refreshed_at, expires_at"
/// A session with what its person is now.
#define POSTERN_SESSION_VIEW                                               \
  POSTERN_SESSION_COLUMNS                                                  \
  ", (SELECT team_id FROM account WHERE account.id = session.account_id)," \
  " (SELECT role FROM account WHERE account.id = session.account_id),"     \
  " (SELECT last_seen_at FROM account WHERE account.id = session.account_id)"
SessionRow session(const Row& row);

#define POSTERN_API_TOKEN_COLUMNS                                                       \
  "id, account_id, name, prefix, hash, scopes, allowed_ips, expires_at, last_used_at, " \
  "created_at, maker"
/// A token with who made it, as they are now.
#define POSTERN_API_TOKEN_VIEW                                        \
  POSTERN_API_TOKEN_COLUMNS                                           \
  ", (SELECT email FROM account WHERE account.id = api_token.maker)," \
  " (SELECT role FROM account WHERE account.id = api_token.maker)"
ApiTokenRow api_token(const Row& row);

#define POSTERN_POLICY_COLUMNS                                                      \
  "id, account_id, name, definition, version, credentials_version, webhook_count, " \
  "created_at, updated_at"
PolicyRow policy(const Row& row);  ///< without credentials

#define POSTERN_WEBHOOK_COLUMNS                                                                    \
  "id, account_id, name, address, target_url, is_active, policy_id, custom_headers, "              \
  "payload_template, rate_limit_per_minute, delivery_mode, attachments, include_raw, timeout_ms, " \
  "secret, previous_secret, previous_expires_at, version, created_at, updated_at, "                \
  "inbox_messages, inbox_octets, inbox_keep_days"
WebhookRow webhook(const Row& row);

#define POSTERN_DOMAIN_COLUMNS                                                                  \
  "id, account_id, name, verified, verification_token, checked_at, failing_since, created_at, " \
  "updated_at"
DomainRow domain(const Row& row);

}  // namespace postern::store::rows
