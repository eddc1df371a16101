#include "admin/account_json.h"

#include <algorithm>

#include "admin/json_value.h"
#include "base/text.h"
#include "mail/address.h"

namespace postern::admin {
namespace {

constexpr std::ptrdiff_t min_password = 12;  // in characters
constexpr std::size_t max_email = 254;       // RFC 5321 §4.5.3.1.3, without the angle brackets

std::ptrdiff_t characters(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

}  // namespace

boost::json::object describe_account(const Core& core, const Authenticator& authenticator,
                                     const store::AccountRow& account) {
  store::Store& store = core.deps.store;
  const auto team = unwrap(store.account(account.team_id));
  boost::json::object out{{"id", account.id},
                          {"email", account.email},
                          {"team_id", account.team_id},
                          {"role", store::to_string(account.role)},
                          {"operates_gateway", authenticator.is_operator(account.team_id)},
                          {"timezone", account.timezone},
                          {"totp_enabled", account.totp_enabled},
                          {"backup_codes_left", unwrap(store.backup_codes_left(account.id))},
                          {"created_at", to_rfc3339(account.created_at)},
                          {"updated_at", to_rfc3339(account.updated_at)}};
  out["signing_public_key"] = text_or_null(team ? team->signing_public_key : "");
  return out;
}

std::string checked_email(dialect::webhook::BodyReader& body) {
  std::string email(trim(required_text(body, "email")));
  const Result<mail::Mailbox> mailbox = mail::parse_mailbox(email, mail::Utf8::allowed);
  if (!mailbox || mailbox->is_literal() || email.size() > max_email)
    throw invalid("email", "is not an e-mail address");
  return email;
}

Secret checked_new_password(dialect::webhook::BodyReader& body, std::string_view name) {
  Secret password(required_text(body, name));
  if (characters(password.reveal()) < min_password)
    throw invalid(std::string(name), "needs at least 12 characters");
  if (password.size() > max_password) throw invalid(std::string(name), "has more than 1024 octets");
  return password;
}

}  // namespace postern::admin
