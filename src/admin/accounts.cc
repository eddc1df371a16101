#include "admin/accounts.h"

#include <array>
#include <filesystem>
#include <fstream>

#include <boost/json.hpp>

#include "admin/account_json.h"
#include "admin/digest.h"
#include "admin/links.h"
#include "admin/people.h"
#include "admin/publisher.h"
#include "admin/signing_key.h"
#include "admin/totp.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "base/ulid.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using store::Outcome;

std::vector<Secret> hashes_of(const std::vector<std::string>& codes) {
  std::vector<Secret> hashes;
  hashes.reserve(codes.size());
  for (const std::string& code : codes) hashes.push_back(backup_code_hash(code));
  return hashes;
}

/// Throws unless a change of the caller's own account was kept: else it was rolled back, because
/// the account was deleted while the request was running.
void check_kept(Outcome outcome) {
  if (outcome != Outcome::done) throw unauthorized("the account is gone");
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
  const auto add = [&](std::string_view method, std::string_view path, Access access, Body body,
                       auto member) {
    router.add(
        {method, path, access, body, [this, member](Call& call) { return (this->*member)(call); }});
  };
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

Task<store::AccountRow> Accounts::own(const Call& call) {
  auto look = [&store = core_.deps.store, id = call.caller.person_id] { return store.account(id); };
  std::optional<store::AccountRow> account = co_await core_.disk(call, std::move(look));
  if (!account) throw unauthorized("the account is gone");
  co_return std::move(*account);
}

Task<void> Accounts::confirm_password(const Call& call, const store::AccountRow& account,
                                      Secret password) {
  const std::string key = "confirm:" + call.caller.person_id;
  core_.count_guess(key);
  const Result<PasswordCheck> checked =
      co_await core_.passwords.check(turn_of(call), std::move(password), account.password_hash);
  if (!checked) throw busy();
  if (*checked == PasswordCheck::wrong)
    throw Refusal{401, "invalid_credentials", "the password is wrong", {}, {}};
  core_.guess_was_right(key);
}

Task<void> Accounts::admit_newcomer(const Call& call) {
  if (!core_.options.open_signup) throw forbidden("sign-up is closed on this server");
  auto count = [&store = core_.deps.store] { return store.accounts({0, 1}); };
  const store::Listed<store::AccountRow> present = co_await core_.disk(call, std::move(count));
  if (present.total > 0) co_return;
  // The first account operates the gateway, so it must be created locally.
  if (!is_local(call, core_.options.behind_proxy)) {
    throw forbidden("the first account is made with the link that postern serve printed");
  }
}

Task<store::LinkRow> Accounts::admit_invited(const Call& call, Secret token, std::string email) {
  std::optional<store::LinkRow> link = co_await find_link(core_, call, std::move(token));
  if (!link || link->kind == store::LinkRow::Kind::reset) throw forbidden(std::string(dead_link));
  if (!link->email.empty() && !iequals(link->email, email)) {
    throw forbidden("the invitation is for another e-mail address");
  }
  co_return std::move(*link);
}

Task<net::HttpResponse> Accounts::create(Call& call) {
  const bool invited = call.body.contains("link");
  if (!invited) co_await admit_newcomer(call);
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 3>{"email", "password", "link"}, {}, "account");
  check(body);
  store::AccountRow account;
  account.id = new_id("acc_");
  account.email = checked_email(body);
  Secret password = checked_new_password(body, "password");
  const Secret token(invited ? required_text(body, "link") : std::string());
  std::optional<store::AuditRow> audit;
  if (invited) {
    const store::LinkRow link = co_await admit_invited(call, token, account.email);
    account.role = link.role;
    account.team_id = link.account_id;
    if (link.kind == store::LinkRow::Kind::invitation) {
      audit = core_.audit(call, "member.joined",
                          {{"id", account.id},
                           {"email", account.email},
                           {"role", store::to_string(link.role)},
                           {"invitation", link.id}});
      audit->account_id = link.account_id;
      audit->actor = account.id;
    }
  }
  if (!audit) {
    audit = core_.audit(call, "account.created",
                        {{"id", account.id},
                         {"email", account.email},
                         {"by", invited ? "the owner's link" : "sign-up"}});
    audit->account_id = audit->actor = account.id;
  }
  if (const auto wait = core_.signups.take(subscriber_key(call.client))) throw rate_limited(*wait);
  Result<Secret> hash = co_await core_.passwords.hash(turn_of(call), std::move(password));
  if (!hash) throw busy();
  account.password_hash = std::move(*hash);
  account.created_at = account.updated_at = call.now;
  auto keep = [&store = core_.deps.store, account, audit, invited,
               link = Secret(sha256(token.reveal()))] {
    const store::AuditRow* entry = audit ? &*audit : nullptr;
    return invited ? store.create_account_by_link(account, link, entry)
                   : store.create_account(account, entry);
  };
  const Outcome kept = co_await core_.disk(call, std::move(keep));
  if (kept == Outcome::taken)
    throw conflict("email_taken", "an account with this e-mail address exists");
  if (kept != Outcome::done) throw forbidden(std::string(dead_link));
  if (account.team_id.empty()) account.team_id = account.id;
  const boost::json::object made = co_await describe_account(core_, authenticator_, account);
  co_return json_response(201, made);
}

Task<net::HttpResponse> Accounts::show(Call& call) {
  const store::AccountRow account = co_await own(call);
  const boost::json::object described = co_await describe_account(core_, authenticator_, account);
  co_return json_response(200, described);
}

Task<net::HttpResponse> Accounts::remove(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"password"}, {}, "request");
  check(body);
  Secret password(required_text(body, "password"));
  const store::AccountRow account = co_await own(call);
  co_await confirm_password(call, account, std::move(password));
  if (account.role != store::Role::owner) {
    net::HttpResponse left = co_await leave(call, account);
    co_return left;
  }
  auto erase = [&core = core_, id = account.team_id,
                audit = core_.audit(call, "account.deleted", {})]() -> Result<void> {
    const Result<store::AccountDeleted> deleted = core.deps.publisher.delete_account(id, audit);
    if (!deleted) return tl::unexpected(deleted.error());
    if (deleted->outcome != store::Outcome::done) return {};  // another request has deleted it
    if (core.deps.traces != nullptr) core.deps.traces->forget_account(id);
    return core.forget_deliveries(deleted->webhooks);
  };
  co_await core_.disk(call, std::move(erase));
  co_return no_content();
}

/// Only an owner may delete the account; others leave it.
Task<net::HttpResponse> Accounts::leave(Call& call, store::AccountRow account) {
  auto go = [&store = core_.deps.store, team = account.team_id, person = account.id,
             audit = core_.audit(call, "member.removed",
                                 {{"id", account.id}, {"email", account.email}})] {
    return store.remove_member(team, person, &audit);
  };
  const Outcome gone = co_await core_.disk(call, std::move(go));
  if (gone == Outcome::in_use) throw last_owner();
  co_return no_content();
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
  const store::AccountRow account = co_await own(call);
  co_await confirm_password(call, account, std::move(current));
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
  store::AccountRow account = co_await own(call);
  co_await confirm_password(call, account, std::move(password));
  auto set = [&store = core_.deps.store, id = account.id, email,
              audit = core_.audit(call, "account.email_changed",
                                  {{"email", email}, {"before", account.email}})] {
    return store.set_email(id, email, &audit);
  };
  const Outcome kept = co_await core_.disk(call, std::move(set));
  if (kept == Outcome::taken)
    throw conflict("email_taken", "an account with this e-mail address exists");
  account = co_await own(call);
  const boost::json::object described = co_await describe_account(core_, authenticator_, account);
  co_return json_response(200, described);
}

Task<net::HttpResponse> Accounts::set_timezone(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"timezone"}, {}, "request");
  check(body);
  const std::string timezone = required_text(body, "timezone");
  if (!is_timezone(timezone, core_.options.zoneinfo)) {
    throw invalid("timezone",
                  "is not a time zone of the IANA database, like \"Europe/Copenhagen\"");
  }
  auto set = [&store = core_.deps.store, id = call.caller.person_id, timezone] {
    return store.set_timezone(id, timezone);
  };
  check_kept(co_await core_.disk(call, std::move(set)));
  const store::AccountRow account = co_await own(call);
  const boost::json::object described = co_await describe_account(core_, authenticator_, account);
  co_return json_response(200, described);
}

Task<net::HttpResponse> Accounts::begin_totp(Call& call) {
  const store::AccountRow account = co_await own(call);
  if (account.totp_enabled) throw conflict("conflict", "two-factor sign-in is on already");
  const Secret secret = new_totp_secret();
  auto keep = [&store = core_.deps.store, id = account.id, secret] {
    return store.begin_totp(id, secret);
  };
  const Outcome kept = co_await core_.disk(call, std::move(keep));
  if (kept != Outcome::done) throw conflict("conflict", "two-factor sign-in is on already");
  co_return json_response(
      200, {{"secret", secret.reveal()}, {"otpauth_url", otpauth_url(account.email, secret)}});
}

Task<net::HttpResponse> Accounts::confirm_totp(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"code"}, {}, "request");
  check(body);
  const std::string code = required_text(body, "code");
  const store::AccountRow account = co_await own(call);
  if (account.totp_enabled) throw conflict("conflict", "two-factor sign-in is on already");
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
  auto enable = [&store = core_.deps.store, id = account.id, step = *step,
                 hashes = hashes_of(codes), audit = core_.audit(call, "2fa.enabled")] {
    return store.enable_totp(id, step, hashes, &audit);
  };
  const Outcome enabled = co_await core_.disk(call, std::move(enable));
  if (enabled != Outcome::done) throw conflict("conflict", "two-factor sign-in is on already");
  co_return json_response(200, {{"backup_codes", boost::json::value_from(codes)}});
}

Task<net::HttpResponse> Accounts::disable_totp(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"code"}, {}, "request");
  check(body);
  const std::string code = required_text(body, "code");
  const store::AccountRow account = co_await own(call);
  if (!account.totp_enabled) throw conflict("conflict", "two-factor sign-in is off");
  const bool taken = co_await sessions_.take_second_factor(account, code, call.now);
  if (!taken) throw invalid("code", "is not a valid code");
  auto disable = [&store = core_.deps.store, id = account.id,
                  audit = core_.audit(call, "2fa.disabled")] {
    return store.disable_totp(id, &audit);
  };
  const Outcome kept = co_await core_.disk(call, std::move(disable));
  if (kept != Outcome::done) throw conflict("conflict", "two-factor sign-in is off");
  co_return no_content();
}

Task<net::HttpResponse> Accounts::renew_backup_codes(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"code"}, {}, "request");
  check(body);
  const std::string code = required_text(body, "code");
  const store::AccountRow account = co_await own(call);
  if (!account.totp_enabled) throw conflict("conflict", "two-factor sign-in is off");
  const bool taken = co_await sessions_.take_second_factor(account, code, call.now);
  if (!taken) throw invalid("code", "is not a valid code");
  const std::vector<std::string> codes = new_backup_codes();
  auto set = [&store = core_.deps.store, id = account.id, hashes = hashes_of(codes),
              audit = core_.audit(call, "2fa.backup_codes_regenerated")] {
    return store.set_backup_codes(id, hashes, &audit);
  };
  check_kept(co_await core_.disk(call, std::move(set)));
  co_return json_response(200, {{"backup_codes", boost::json::value_from(codes)}});
}

Task<net::HttpResponse> Accounts::enable_signing_key(Call& call) {
  const SigningKeyPair pair = new_signing_key();
  auto set = [&publisher = core_.deps.publisher, id = call.caller.account_id, pair,
              audit = core_.audit(call, "signing_key.created", {{"public_key", pair.public_key}})] {
    return publisher.set_signing_key(id, pair.seed, pair.public_key, audit);
  };
  check_kept(co_await core_.disk(call, std::move(set)));
  co_return json_response(200, {{"signing_public_key", pair.public_key}});
}

Task<net::HttpResponse> Accounts::disable_signing_key(Call& call) {
  auto set = [&publisher = core_.deps.publisher, id = call.caller.account_id,
              audit = core_.audit(call, "signing_key.deleted")] {
    return publisher.set_signing_key(id, Secret(), "", audit);
  };
  check_kept(co_await core_.disk(call, std::move(set)));
  co_return no_content();
}

}  // namespace postern::admin
