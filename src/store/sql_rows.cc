#include "store/sql_rows.h"

#include <concepts>

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

std::optional<std::map<std::string, std::string>> headers_from_json(const std::string& text) {
  std::map<std::string, std::string> headers;
  if (text.empty()) return headers;
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(text, bad);
  if (bad || !value.is_object()) return std::nullopt;
  for (const auto& member : value.get_object()) {
    if (!member.value().is_string()) return std::nullopt;
    headers.emplace(member.key(), member.value().get_string());
  }
  return headers;
}

namespace {

// How a column is read follows from the type of the member.
template <std::integral T>
void get(const SqlRow& row, int at, T& into) {
  into = static_cast<T>(row.integer(at));
}
void get(const SqlRow& row, int at, std::string& into) { into = row.text(at); }
void get(const SqlRow& row, int at, Secret& into) { into = row.secret(at); }
void get(const SqlRow& row, int at, Time& into) { into = row.time(at); }
void get(const SqlRow& row, int at, Role& into) {
  into = role_of(row.text(at)).value_or(Role::none);
}
void get(const SqlRow& row, int at, std::vector<std::string>& into) {
  into = split_words(row.text(at));
}
void get(const SqlRow& row, int at, std::map<std::string, std::string>& into) {
  auto headers = headers_from_json(row.text(at));
  if (!headers) row.spoil("its custom headers are no JSON object of texts");
  if (headers) into = std::move(*headers);
}
template <class T>
void get(const SqlRow& row, int at, std::optional<T>& into) {
  if (!row.is_null(at)) get(row, at, into.emplace());
}

template <auto member, class T>
void into(const SqlRow& row, int at, T& made) {
  get(row, at, made.*member);
}

}  // namespace

const Columns<AccountRow> account = {
    {"id", into<&AccountRow::id>},
    {"email", into<&AccountRow::email>},
    {"password_hash", into<&AccountRow::password_hash>},
    {"timezone", into<&AccountRow::timezone>},
    {"totp_secret",
     [](const SqlRow& row, int at, AccountRow& made) {
       made.totp_secret = row.secret(at);
       made.totp_enabled = !made.totp_secret.empty();
     }},
    {"totp_pending", into<&AccountRow::totp_pending>},
    {"totp_last_step", into<&AccountRow::totp_last_step>},
    {"signing_seed", into<&AccountRow::signing_seed>},
    {"signing_public_key", into<&AccountRow::signing_public_key>},
    {"policy_count", into<&AccountRow::policy_count>},
    {"webhook_count", into<&AccountRow::webhook_count>},
    {"active_webhook_count", into<&AccountRow::active_webhook_count>},
    {"created_at", into<&AccountRow::created_at>},
    {"updated_at", into<&AccountRow::updated_at>},
    {"team_id", into<&AccountRow::team_id>},
    {"role", into<&AccountRow::role>},
    {"last_seen_at", into<&AccountRow::last_seen_at>},
};

const Columns<SessionRow> session = {
    {"id", into<&SessionRow::id>},
    {"account_id", into<&SessionRow::account_id>},
    {"ip", into<&SessionRow::ip>},
    {"user_agent", into<&SessionRow::user_agent>},
    {"created_at", into<&SessionRow::created_at>},
    {"refreshed_at", into<&SessionRow::refreshed_at>},
    {"expires_at", into<&SessionRow::expires_at>},
    {"(SELECT team_id FROM account WHERE account.id = session.account_id)",
     into<&SessionRow::team_id>},
    {"(SELECT role FROM account WHERE account.id = session.account_id)", into<&SessionRow::role>},
    {"(SELECT last_seen_at FROM account WHERE account.id = session.account_id)",
     into<&SessionRow::seen_at>},
};

const Columns<ApiTokenRow> api_token = {
    {"id", into<&ApiTokenRow::id>},
    {"account_id", into<&ApiTokenRow::account_id>},
    {"name", into<&ApiTokenRow::name>},
    {"prefix", into<&ApiTokenRow::prefix>},
    {"hash", into<&ApiTokenRow::hash>},
    {"scopes", into<&ApiTokenRow::scopes>},
    {"allowed_ips", into<&ApiTokenRow::allowed_ips>},
    {"expires_at", into<&ApiTokenRow::expires_at>},
    {"last_used_at", into<&ApiTokenRow::last_used_at>},
    {"created_at", into<&ApiTokenRow::created_at>},
    {"maker", into<&ApiTokenRow::maker>},
    {"(SELECT email FROM account WHERE account.id = api_token.maker)",
     into<&ApiTokenRow::maker_email>},
    {"(SELECT role FROM account WHERE account.id = api_token.maker)",
     into<&ApiTokenRow::maker_role>},
};

const Columns<PolicyRow> policy = {
    {"id", into<&PolicyRow::id>},
    {"account_id", into<&PolicyRow::account_id>},
    {"name", into<&PolicyRow::name>},
    {"definition", into<&PolicyRow::definition>},
    {"version", into<&PolicyRow::version>},
    {"credentials_version", into<&PolicyRow::credentials_version>},
    {"webhook_count", into<&PolicyRow::webhook_count>},
    {"created_at", into<&PolicyRow::created_at>},
    {"updated_at", into<&PolicyRow::updated_at>},
};

const Columns<WebhookRow> webhook = {
    {"id", into<&WebhookRow::id>},
    {"account_id", into<&WebhookRow::account_id>},
    {"name", into<&WebhookRow::name>},
    {"address", into<&WebhookRow::address>},
    {"target_url", into<&WebhookRow::target_url>},
    {"is_active", into<&WebhookRow::is_active>},
    {"policy_id", into<&WebhookRow::policy_id>},
    {"custom_headers", into<&WebhookRow::custom_headers>},
    {"payload_template", into<&WebhookRow::payload_template>},
    {"rate_limit_per_minute", into<&WebhookRow::rate_limit_per_minute>},
    {"delivery_mode", into<&WebhookRow::delivery_mode>},
    {"attachments", into<&WebhookRow::attachments>},
    {"include_raw", into<&WebhookRow::include_raw>},
    {"timeout_ms", into<&WebhookRow::timeout_ms>},
    {"secret", into<&WebhookRow::secret>},
    {"previous_secret", into<&WebhookRow::previous_secret>},
    {"previous_expires_at", into<&WebhookRow::previous_expires_at>},
    {"version", into<&WebhookRow::version>},
    {"created_at", into<&WebhookRow::created_at>},
    {"updated_at", into<&WebhookRow::updated_at>},
    {"inbox_messages",
     [](const SqlRow& row, int at, WebhookRow& made) { get(row, at, made.inbox.messages); }},
    {"inbox_octets",
     [](const SqlRow& row, int at, WebhookRow& made) { get(row, at, made.inbox.octets); }},
    {"inbox_keep_days",
     [](const SqlRow& row, int at, WebhookRow& made) { get(row, at, made.inbox.keep_days); }},
};

const Columns<DomainRow> domain = {
    {"id", into<&DomainRow::id>},
    {"account_id", into<&DomainRow::account_id>},
    {"name", into<&DomainRow::name>},
    {"verified", into<&DomainRow::verified>},
    {"verification_token", into<&DomainRow::verification_token>},
    {"checked_at", into<&DomainRow::checked_at>},
    {"failing_since", into<&DomainRow::failing_since>},
    {"created_at", into<&DomainRow::created_at>},
    {"updated_at", into<&DomainRow::updated_at>},
};

}  // namespace postern::store::rows
