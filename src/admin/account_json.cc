#include "admin/account_json.h"

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"

namespace postern::admin {
namespace {

constexpr std::ptrdiff_t min_password = 12;  // in characters
constexpr std::size_t max_password = 1024;   // in octets
constexpr std::size_t max_email = 254;       // RFC 5321 §4.5.3.1.3, without the angle brackets

std::ptrdiff_t characters(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

/// Members of an account that are stored in other rows.
struct Elsewhere {
  std::string signing_public_key;  ///< the team's
  std::uint64_t backup_codes_left = 0;
};

}  // namespace

Task<boost::json::object> describe_account(Core& core, Authenticator& authenticator,
                                           store::AccountRow account) {
  auto look = [&store = core.deps.store, id = account.id,
               team = account.team_id]() -> Result<Elsewhere> {
    const auto lead = store.account(team);
    if (!lead) return tl::unexpected(lead.error());
    const auto codes = store.backup_codes_left(id);
    if (!codes) return tl::unexpected(codes.error());
    return Elsewhere{*lead ? (*lead)->signing_public_key : std::string(), *codes};
  };
  const Elsewhere elsewhere =
      co_await core.disk({.account = account.team_id, .client = {}}, std::move(look));
  const bool operates = co_await authenticator.operates_gateway(account.team_id);
  boost::json::object out{{"id", account.id},
                          {"email", account.email},
                          {"team_id", account.team_id},
                          {"role", store::to_string(account.role)},
                          {"operates_gateway", operates},
                          {"timezone", account.timezone},
                          {"totp_enabled", account.totp_enabled},
                          {"backup_codes_left", elsewhere.backup_codes_left},
                          {"created_at", to_rfc3339(account.created_at)},
                          {"updated_at", to_rfc3339(account.updated_at)}};
  const std::string& key = elsewhere.signing_public_key;
  out["signing_public_key"] = key.empty() ? boost::json::value(nullptr) : boost::json::value(key);
  co_return out;
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
