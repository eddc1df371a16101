#include "store/sqlite_rows.h"

#include <boost/json.hpp>

namespace postern::store::rows {

// Scopes and networks contain no line breaks.
std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += '\n';
    text += word;
  }
  return text;
}

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string headers_to_json(const std::map<std::string, std::string>& headers) {
  boost::json::object object;
  for (const auto& [name, value] : headers) object.emplace(name, value);
  return boost::json::serialize(object);
}

std::map<std::string, std::string> headers_from_json(const std::string& text) {
  std::map<std::string, std::string> headers;
  if (text.empty()) return headers;
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(text, bad);
  if (bad || !value.is_object()) return headers;
  for (const auto& member : value.get_object()) {
    if (member.value().is_string()) headers.emplace(member.key(), member.value().get_string());
  }
  return headers;
}

AccountRow account(const Row& row) {
  AccountRow account;
  account.id = row.text(0);
  account.email = row.text(1);
  account.password_hash = row.secret(2);
  account.timezone = row.text(3);
  account.totp_secret = row.secret(4);
  account.totp_enabled = !account.totp_secret.empty();
  account.totp_pending = row.secret(5);
  account.totp_last_step = row.integer(6);
  account.signing_seed = row.secret(7);
  account.signing_public_key = row.text(8);
  account.policy_count = static_cast<std::uint64_t>(row.integer(9));
  account.webhook_count = static_cast<std::uint64_t>(row.integer(10));
  account.active_webhook_count = static_cast<std::uint64_t>(row.integer(11));
  account.created_at = row.time(12);
  account.updated_at = row.time(13);
  account.team_id = row.text(14);
  account.role = role_of(row.text(15)).value_or(Role::none);
  account.last_seen_at = row.optional_time(16);
  return account;
}

SessionRow session(const Row& row) {
  return {.id = row.text(0),
          .account_id = row.text(1),
          .ip = row.text(2),
          .user_agent = row.text(3),
          .created_at = row.time(4),
          .refreshed_at = row.time(5),
          .expires_at = row.time(6),
          .team_id = row.text(7),
          .role = role_of(row.text(8)).value_or(Role::none),
          .seen_at = row.optional_time(9)};
}

ApiTokenRow api_token(const Row& row) {
  return {.id = row.text(0),
          .account_id = row.text(1),
          .name = row.text(2),
          .prefix = row.text(3),
          .hash = row.secret(4),
          .scopes = split_words(row.text(5)),
          .allowed_ips = split_words(row.text(6)),
          .expires_at = row.optional_time(7),
          .last_used_at = row.optional_time(8),
          .created_at = row.time(9),
          .maker = row.text(10),
          .maker_email = row.text(11),
          .maker_role = role_of(row.text(12)).value_or(Role::none)};
}

PolicyRow policy(const Row& row) {
  PolicyRow policy;
  policy.id = row.text(0);
  policy.account_id = row.text(1);
  policy.name = row.text(2);
  policy.definition = row.text(3);
  policy.version = static_cast<std::uint64_t>(row.integer(4));
  policy.credentials_version = static_cast<std::uint64_t>(row.integer(5));
  policy.webhook_count = static_cast<std::uint64_t>(row.integer(6));
  policy.created_at = row.time(7);
  policy.updated_at = row.time(8);
  return policy;
}

WebhookRow webhook(const Row& row) {
  WebhookRow webhook;
  webhook.id = row.text(0);
  webhook.account_id = row.text(1);
  webhook.name = row.text(2);
  webhook.address = row.text(3);
  webhook.target_url = row.text(4);
  webhook.is_active = row.boolean(5);
  webhook.policy_id = row.optional_text(6);
  webhook.custom_headers = headers_from_json(row.text(7));
  webhook.payload_template = row.text(8);
  webhook.rate_limit_per_minute = static_cast<std::uint32_t>(row.integer(9));
  webhook.delivery_mode = row.text(10);
  webhook.attachments = row.text(11);
  webhook.include_raw = row.text(12);
  webhook.timeout_ms = static_cast<std::uint32_t>(row.integer(13));
  webhook.secret = row.secret(14);
  if (!row.is_null(15)) webhook.previous_secret = row.secret(15);
  webhook.previous_expires_at = row.optional_time(16);
  webhook.version = static_cast<std::uint64_t>(row.integer(17));
  webhook.created_at = row.time(18);
  webhook.updated_at = row.time(19);
  webhook.inbox = {.messages = static_cast<std::uint32_t>(row.integer(20)),
                   .octets = static_cast<std::uint64_t>(row.integer(21)),
                   .keep_days = static_cast<std::uint32_t>(row.integer(22))};
  return webhook;
}

DomainRow domain(const Row& row) {
  return {.id = row.text(0),
          .account_id = row.text(1),
          .name = row.text(2),
          .verified = row.boolean(3),
          .verification_token = row.text(4),
          .checked_at = row.optional_time(5),
          .failing_since = row.optional_time(6),
          .created_at = row.time(7),
          .updated_at = row.time(8)};
}

}  // namespace postern::store::rows
