#include "admin/accounts.h"

#include <array>
#include <filesystem>
#include <fstream>

#include <boost/json.hpp>

#include "admin/account_json.h"
#include "admin/digest.h"
#include "admin/guarded_edit.h"
#include "admin/links.h"
#include "admin/people.h"
#include "admin/ports.h"
#include "admin/publisher.h"
#include "admin/signing_key.h"
#include "admin/totp.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "base/ulid.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using store::WriteOutcome;

std::vector<Secret> hashes_of(const std::vector<std::string>& codes) {
  std::vector<Secret> hashes;
  hashes.reserve(codes.size());
  for (const std::string& code : codes) hashes.push_back(backup_code_hash(code));
  return hashes;
}

/// Throws unless a change of the caller's own account was kept: else it was rolled back, because
/// the account was deleted while the request was running.
void check_kept(WriteOutcome outcome) {
  if (outcome != WriteOutcome::done) throw unauthorized("the account is gone");
}

/// Whether a Host header (RFC 9110 §7.2) names this host by itself. A page whose host name was made
/// to resolve to 127.0.0.1 (DNS rebinding) sends its own name.
bool names_this_machine(std::string_view host) {
  const std::size_t port = host.find_last_of(":]");
  if (port != std::string_view::npos && host[port] == ':') host = host.substr(0, port);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const Result<IpAddress> address = IpAddress::parse(host);
  return iequals(host, "localhost") || (address && address->is_loopback());
}

/// Whether the request comes from the gateway's own host. A local proxy may forward anybody's
/// requests.
bool is_local(const Call& call, bool behind_proxy) {
  const auto& request = call.request;
  if (behind_proxy || request.header("x-forwarded-for") || request.header("forwarded"))
    return false;
  return request.peer.is_loopback() &&
         names_this_machine(request.header("host").value_or("localhost"));
}

}  // namespace

bool is_timezone(std::string_view name, const std::string& zoneinfo) {
  if (name.empty() || name.size() > 64) return false;
  for (const std::string_view part : split(name, '/')) {
    if (part.empty() || !is_alpha(part.front())) return false;
    for (const char c : part) {
      if (!is_alnum(c) && c != '_' && c != '-' && c != '+') return false;
    }
  }
  // A compiled zone begins with these four octets (RFC 8536 §3.1); the directory also has other
  // files.
  std::ifstream file(std::filesystem::path(zoneinfo) / std::string(name), std::ios::binary);
  char magic[4] = {};
  return file.read(magic, 4) && std::string_view(magic, 4) == "TZif";
}

void Accounts::add_routes(Router& router) {
  const auto add = [&](auto... route) { router.add(*this, route...); };
  add("POST", "/api/v1/accounts", Access::open, Body::json, &Accounts::create);
  add("GET", "/api/v1/accounts/me", Access::read, Body::none, &Accounts::show);
  add("DELETE", "/api/v1/accounts/me", Access::session, Body::json, &Accounts::remove);
  add("PUT", "/api/v1/accounts/me/password", Access::session, Body::json,
      &Accounts::change_password);
  add("PUT", "/api/v1/accounts/me/email", Access::session, Body::json, &Accounts::change_email);
  add("PUT", "/api/v1/accounts/me/timezone", Access::own, Body::json, &Accounts::set_timezone);
  add("POST", "/api/v1/accounts/me/2fa", Access::session, Body::none, &Accounts::begin_totp);
  add("DELETE", "/api/v1/accounts/me/2fa", Access::session, Body::json, &Accounts::disable_totp);
  add("POST", "/api/v1/accounts/me/2fa/confirm", Access::session, Body::json,
      &Accounts::confirm_totp);
  add("POST", "/api/v1/accounts/me/2fa/backup-codes", Access::session, Body::json,
      &Accounts::renew_backup_codes);
  add("POST", "/api/v1/accounts/me/signing-key", Access::owner, Body::none,
      &Accounts::enable_signing_key);
  add("DELETE", "/api/v1/accounts/me/signing-key", Access::owner, Body::none,
      &Accounts::disable_signing_key);
}

store::AccountRow Accounts::own(const Call& call) const {
  auto account = unwrap(core_.deps.store.account(call.caller.person_id));
  if (!account) throw unauthorized("the account is gone");
  return std::move(*account);
}

net::HttpResponse Accounts::described(const Call& call) const {
  return json_response(200, describe_account(core_, authenticator_, own(call)));
}

Task<store::AccountRow> Accounts::confirm_password(const Call& call, Secret password) {
  const std::string key = "confirm:" + call.caller.person_id;
  auto look = [this, key](const Call& copy) {
    store::AccountRow found = own(copy);
    core_.count_guess(key);
    return found;
  };
  store::AccountRow account = co_await core_.disk(call, std::move(look));
  const Result<PasswordCheck> checked =
      co_await core_.passwords.check(turn_of(call), std::move(password), account.password_hash);
  if (!checked) {
    core_.guess_was_right(key);  // it was not judged
    throw busy();
  }
  if (*checked == PasswordCheck::wrong)
    throw Refusal{401, "invalid_credentials", "the password is wrong", {}, {}};
  core_.guess_was_right(key);
  co_return account;
}

void Accounts::admit_newcomer(const Call& call) const {
  if (!core_.options.open_signup) throw forbidden("sign-up is closed on this server");
  if (unwrap(core_.deps.store.accounts({0, 1})).total > 0) return;
  // The first account operates the gateway, so it must be created locally.
  if (!is_local(call, core_.options.behind_proxy)) {
    throw forbidden("the first account is made with the link that postern serve printed");
  }
}

store::LinkRow Accounts::admit_invited(const Call& call, const Secret& token,
                                       const std::string& email) const {
  auto link = find_link(core_, call, token);
  if (!link || link->kind == store::LinkRow::Kind::reset) throw forbidden(std::string(dead_link));
  if (!link->email.empty() && !iequals(link->email, email)) {
    throw forbidden("the invitation is for another e-mail address");
  }
  return std::move(*link);
}

struct Accounts::Newcomer {
  store::AccountRow account;
  store::AuditRow audit;
  Secret password;
  std::optional<Secret> link;  ///< hash of the link's token; nullopt: without a link
};

Accounts::Newcomer Accounts::newcomer_of(const Call& call) const {
  const bool invited = call.body.contains("link");
  if (!invited) admit_newcomer(call);
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 3>{"email", "password", "link"}, {}, "account");
  check(body);
  Newcomer newcomer;
  store::AccountRow& account = newcomer.account;
  account.id = new_id("acc_");
  account.email = checked_email(body);
  newcomer.password = checked_new_password(body, "password");
  account.created_at = account.updated_at = call.now;
  if (invited) {
    const Secret token(required_text(body, "link"));
    const store::LinkRow link = admit_invited(call, token, account.email);
    newcomer.link = Secret(sha256(token.reveal()));
    account.role = link.role;
    account.team_id = link.account_id;
    if (link.kind == store::LinkRow::Kind::invitation) {
      newcomer.audit = core_.audit(call, "member.joined",
                                   {{"id", account.id},
                                    {"email", account.email},
                                    {"role", store::to_string(link.role)},
                                    {"invitation", link.id}});
      newcomer.audit.account_id = link.account_id;
    }
  }
  if (newcomer.audit.action.empty()) {
    newcomer.audit = core_.audit(call, "account.created",
                                 {{"id", account.id},
                                  {"email", account.email},
                                  {"by", invited ? "the owner's link" : "sign-up"}});
    newcomer.audit.account_id = account.id;
  }
  newcomer.audit.actor = account.id;
  if (const auto wait = core_.signups.take(subscriber_key(call.client), Core::both))
    throw rate_limited(*wait);
  return newcomer;
}

Task<net::HttpResponse> Accounts::create(Call& call) {
  auto read = [this](const Call& copy) { return newcomer_of(copy); };
  Newcomer newcomer = co_await core_.disk(call, std::move(read));
  Result<Secret> hash = co_await core_.passwords.hash(turn_of(call), std::move(newcomer.password));
  if (!hash) throw busy();
  newcomer.account.password_hash = std::move(*hash);
  auto keep = [this, newcomer = std::move(newcomer)] {
    store::AccountRow account = newcomer.account;
    const WriteOutcome kept =
        unwrap(newcomer.link ? core_.deps.store.create_account_by_link(account, *newcomer.link,
                                                                       &newcomer.audit)
                             : core_.deps.store.create_account(account, &newcomer.audit));
    if (kept == WriteOutcome::taken)
      throw conflict("email_taken", "an account with this e-mail address exists");
    if (kept != WriteOutcome::done) throw forbidden(std::string(dead_link));
    if (account.team_id.empty()) account.team_id = account.id;
    return json_response(201, describe_account(core_, authenticator_, account));
  };
  net::HttpResponse response = co_await core_.disk(call, std::move(keep));
  co_return response;
}

net::HttpResponse Accounts::show(const Call& call) const { return described(call); }

/// Only an owner may delete the account; others leave it.
Task<net::HttpResponse> Accounts::remove(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"password"}, {}, "request");
  check(body);
  Secret password(required_text(body, "password"));
  const store::AccountRow account = co_await confirm_password(call, std::move(password));
  auto go = [this, account](const Call& copy) {
    return account.role == store::Role::owner ? erase(copy, account) : leave(copy, account);
  };
  net::HttpResponse response = co_await core_.disk(call, std::move(go));
  co_return response;
}

net::HttpResponse Accounts::erase(const Call& call, const store::AccountRow& account) const {
  const store::AuditRow audit = core_.audit(call, "account.deleted");
  GuardedEdit guarded(core_);
  guarded.removal_of_all(call);
  const auto deleted = unwrap(core_.deps.publisher.delete_account(account.team_id, audit));
  if (deleted.outcome != WriteOutcome::done) return no_content();  // another request has deleted it
  if (core_.deps.traces != nullptr) core_.deps.traces->forget_account(account.team_id);
  unwrap(core_.forget_deliveries(deleted.webhooks));
  return no_content();
}

net::HttpResponse Accounts::leave(const Call& call, const store::AccountRow& account) const {
  const store::AuditRow audit =
      core_.audit(call, "member.removed", {{"id", account.id}, {"email", account.email}});
  const WriteOutcome gone =
      unwrap(core_.deps.store.remove_member(account.team_id, account.id, &audit));
  if (gone == WriteOutcome::in_use) throw last_owner();
  return no_content();
}

Task<net::HttpResponse> Accounts::change_password(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(
      std::array<std::string_view, 3>{"current_password", "new_password", "revoke_tokens"}, {},
      "request");
  const bool revoke = body.boolean("revoke_tokens").value_or(false);
  check(body);
  Secret current(required_text(body, "current_password"));
  Secret next = checked_new_password(body, "new_password");
  const store::AccountRow account = co_await confirm_password(call, std::move(current));
  Result<Secret> hash = co_await core_.passwords.hash(turn_of(call), std::move(next));
  if (!hash) throw busy();
  auto set = [&store = core_.deps.store, id = account.id, hash = std::move(*hash), revoke,
              session = call.caller.session_id,
              audit = core_.audit(call, "account.password_changed", {{"revoked_tokens", revoke}})] {
    return store.set_password(id, hash, revoke ? store::Tokens::revoke : store::Tokens::keep,
                              session, &audit);
  };
  check_kept(co_await core_.disk(call, std::move(set)));
  co_return no_content();
}

Task<net::HttpResponse> Accounts::change_email(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 2>{"email", "password"}, {}, "request");
  check(body);
  const std::string email = checked_email(body);
  Secret password(required_text(body, "password"));
  const store::AccountRow account = co_await confirm_password(call, std::move(password));
  auto set = [this, account, email](const Call& copy) {
    const store::AuditRow audit =
        core_.audit(copy, "account.email_changed", {{"email", email}, {"before", account.email}});
    if (unwrap(core_.deps.store.set_email(account.id, email, &audit)) == WriteOutcome::taken)
      throw conflict("email_taken", "an account with this e-mail address exists");
    return described(copy);
  };
  net::HttpResponse response = co_await core_.disk(call, std::move(set));
  co_return response;
}

net::HttpResponse Accounts::set_timezone(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"timezone"}, {}, "request");
  check(body);
  const std::string timezone = required_text(body, "timezone");
  if (!is_timezone(timezone, core_.options.zoneinfo)) {
    throw invalid("timezone",
                  "is not a time zone of the IANA database, like \"Europe/Copenhagen\"");
  }
  check_kept(unwrap(core_.deps.store.set_timezone(call.caller.person_id, timezone)));
  return described(call);
}

net::HttpResponse Accounts::begin_totp(const Call& call) const {
  const store::AccountRow account = own(call);
  const Refusal on = conflict("conflict", "two-factor sign-in is on already");
  if (account.totp_enabled) throw on;
  const Secret secret = new_totp_secret();
  if (unwrap(core_.deps.store.begin_totp(account.id, secret)) != WriteOutcome::done) throw on;
  return json_response(
      200, {{"secret", secret.reveal()}, {"otpauth_url", otpauth_url(account.email, secret)}});
}

net::HttpResponse Accounts::confirm_totp(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"code"}, {}, "request");
  check(body);
  const std::string code = required_text(body, "code");
  const store::AccountRow account = own(call);
  const Refusal on = conflict("conflict", "two-factor sign-in is on already");
  if (account.totp_enabled) throw on;
  if (account.totp_pending.empty())
    throw conflict("conflict", "begin with POST /api/v1/accounts/me/2fa");
  const std::string key = "2fa:" + account.id;
  core_.count_guess(key);
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(call.now.time_since_epoch()).count();
  const std::optional<std::int64_t> step = match_totp(account.totp_pending, code, now);
  if (!step) throw invalid("code", "is not the current code");
  core_.guess_was_right(key);
  const std::vector<std::string> codes = new_backup_codes();
  const store::AuditRow audit = core_.audit(call, "2fa.enabled");
  const WriteOutcome enabled = unwrap(core_.deps.store.enable_totp(
      account.id, account.totp_pending, *step, hashes_of(codes), &audit));
  if (enabled != WriteOutcome::done) throw on;
  return json_response(200, {{"backup_codes", boost::json::value_from(codes)}});
}

store::AccountRow Accounts::confirm_code(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"code"}, {}, "request");
  check(body);
  const std::string code = required_text(body, "code");
  store::AccountRow account = own(call);
  if (!account.totp_enabled) throw conflict("conflict", "two-factor sign-in is off");
  if (!sessions_.take_second_factor(account, code, call.now))
    throw invalid("code", "is not a valid code");
  return account;
}

net::HttpResponse Accounts::disable_totp(const Call& call) const {
  const store::AccountRow account = confirm_code(call);
  const store::AuditRow audit = core_.audit(call, "2fa.disabled");
  const WriteOutcome kept = unwrap(core_.deps.store.disable_totp(account.id, &audit));
  if (kept != WriteOutcome::done) throw conflict("conflict", "two-factor sign-in is off");
  return no_content();
}

net::HttpResponse Accounts::renew_backup_codes(const Call& call) const {
  const store::AccountRow account = confirm_code(call);
  const std::vector<std::string> codes = new_backup_codes();
  const store::AuditRow audit = core_.audit(call, "2fa.backup_codes_regenerated");
  check_kept(unwrap(core_.deps.store.set_backup_codes(account.id, hashes_of(codes), &audit)));
  return json_response(200, {{"backup_codes", boost::json::value_from(codes)}});
}

net::HttpResponse Accounts::enable_signing_key(const Call& call) const {
  const SigningKeyPair pair = new_signing_key();
  const store::AuditRow audit =
      core_.audit(call, "signing_key.created", {{"public_key", pair.public_key}});
  check_kept(unwrap(core_.deps.publisher.set_signing_key(call.caller.account_id, pair.seed,
                                                         pair.public_key, audit)));
  return json_response(200, {{"signing_public_key", pair.public_key}});
}

net::HttpResponse Accounts::disable_signing_key(const Call& call) const {
  const store::AuditRow audit = core_.audit(call, "signing_key.deleted");
  check_kept(
      unwrap(core_.deps.publisher.set_signing_key(call.caller.account_id, Secret(), "", audit)));
  return no_content();
}

}  // namespace postern::admin
