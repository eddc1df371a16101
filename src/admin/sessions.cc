#include "admin/sessions.h"

#include <boost/json.hpp>

#include "admin/access_token.h"
#include "admin/account_json.h"
#include "admin/digest.h"
#include "admin/totp.h"
#include "base/text.h"
#include "base/ulid.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;

constexpr std::chrono::hours refresh_lifetime{30 * 24};

Secret new_refresh_token() { return Secret("rt_" + base64url_encode(random_bytes(32))); }

/// The same response for an unknown address and a wrong password.
Refusal invalid_credentials() {
  return {401, "invalid_credentials", "the e-mail address or the password is wrong", {}, {}};
}

struct Credentials {
  std::string email;
  Secret password;
};

/// Reads `{email, password}`; `name` is the name of the first member.
Credentials read_credentials(const Call& call, std::string_view name) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 2>{name, "password"}, {}, "sign-in");
  check(body);
  Credentials given{required_text(body, name), Secret(required_text(body, "password"))};
  if (given.password.size() > max_password) throw invalid("password", "has more than 1024 octets");
  return given;
}

}  // namespace

void Sessions::add_routes(Router& router) {
  const auto add = [&](auto... route) { router.add(*this, route...); };
  add("POST", "/api/v1/sessions", Access::open, Body::json, &Sessions::create);
  add("DELETE", "/api/v1/sessions", Access::read, Body::json, &Sessions::end);
  add("POST", "/api/v1/sessions/2fa", Access::open, Body::json, &Sessions::complete);
  add("POST", "/api/v1/sessions/refresh", Access::open, Body::json, &Sessions::refresh);
  // An alias with the path and member that many clients try first. It must use the same rate
  // limiter.
  add("POST", "/api/v1/login", Access::open, Body::json, &Sessions::login);
  add("POST", "/app/session", Access::open, Body::json, &Sessions::create_cookie);
  add("POST", "/app/session/2fa", Access::open, Body::json, &Sessions::complete_cookie);
  add("GET", "/app/session", Access::session, Body::none, &Sessions::show_cookie);
  add("DELETE", "/app/session", Access::session, Body::none, &Sessions::end_cookie);
}

Task<store::AccountRow> Sessions::sign_in(Call& call, std::string email, Secret password) {
  auto look = [this, email](const Call& own) {
    const Core::CountedBy by = core_.count_sign_in(own, email);
    return std::pair(by, unwrap(core_.deps.store.account_by_email(email)));
  };
  auto [counted, account] = co_await core_.disk(call, std::move(look));
  const Secret stored = account ? account->password_hash : Secret();
  // Hashing counts for the account concerned; unknown accounts share one turn.
  net::Turn turn = turn_of(call);
  if (account) turn.account = account->id;
  const Result<PasswordCheck> checked = co_await core_.passwords.check(turn, password, stored);
  if (!checked) {
    core_.sign_in_was_no_guess(call, email, counted);  // the password was not judged
    throw busy();
  }
  if (*checked == PasswordCheck::wrong && account) {
    core_.sign_ins.failed(call, *account, "the password was wrong");
  }
  if (*checked == PasswordCheck::wrong || !account) throw invalid_credentials();
  core_.sign_in_was_right(call, email, counted);
  if (*checked == PasswordCheck::right_but_weak_hash) {
    const Result<Secret> stronger = co_await core_.passwords.hash(turn, std::move(password));
    if (stronger) {
      auto keep = [&store = core_.deps.store, id = account->id, was = stored, hash = *stronger] {
        return store.rehash_password(id, was, hash);
      };
      const store::WriteOutcome kept = co_await core_.disk(call, std::move(keep));
      if (kept == store::WriteOutcome::done) account->password_hash = *stronger;
    }
  }
  co_return std::move(*account);
}

bool Sessions::take_second_factor(const store::AccountRow& account, const std::string& code,
                                  store::Time now) const {
  const std::string key = "2fa:" + account.id;
  core_.count_guess(key);
  bool taken = false;
  if (const auto step = match_totp(account.totp_secret, code, unix_seconds(now))) {
    taken = unwrap(core_.deps.store.use_totp_step(account.id, *step));
  } else if (code.size() > 6) {
    taken = unwrap(core_.deps.store.use_backup_code(account.id, backup_code_hash(code)));
  }
  if (taken) core_.guess_was_right(key);
  return taken;
}

std::string Sessions::cookie(const std::string& value, std::chrono::seconds lifetime) const {
  std::string text =
      std::string(cookie_name(core_.options)) + "=" + value +
      "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(lifetime.count());
  if (istarts_with(core_.options.public_url, "https://")) text += "; Secure";
  return text;
}

net::HttpResponse Sessions::token_pair(const Call& call, std::string account, std::string session,
                                       const Secret& refresh) const {
  const Claims claims{TokenUse::access, std::move(account), std::move(session), call.now,
                      call.now + access_lifetime};
  return json_response(200, {{"access_token", core_.keys().sign(claims)},
                             {"refresh_token", refresh.reveal()},
                             {"expires_in", access_lifetime.count()}});
}

net::HttpResponse Sessions::start(const Call& call, const store::AccountRow& account,
                                  Carrier carrier, Proof proof) const {
  const std::string agent(call.request.header("user-agent").value_or(""));
  const auto lifetime =
      carrier == Carrier::cookie ? std::chrono::hours(cookie_lifetime) : refresh_lifetime;
  const store::SessionRow session{new_id("ses_"),        account.id, call.client.to_string(),
                                  printable(agent, 200), call.now,   call.now,
                                  call.now + lifetime};
  const Secret token = new_refresh_token();
  const auto audit = core_.sign_ins.entry(
      call.client, call.now, account.team_id, account.id, "session.created",
      {{"id", session.id},
       {"by", proof == Proof::password ? "password" : "password and second factor"},
       {"for", carrier == Carrier::cookie ? "pages" : "API"}});
  const store::WriteOutcome kept = unwrap(core_.deps.store.create_session(
      session, Secret(sha256(token.reveal())), audit ? &*audit : nullptr, &account));
  // stale: the password was changed while it was judged.
  if (kept != store::WriteOutcome::done) throw invalid_credentials();
  if (carrier == Carrier::tokens) return token_pair(call, account.id, session.id, token);
  // A page's refresh token is never given out, so the session lives as long as its cookie.
  const Claims claims{TokenUse::cookie, account.id, session.id, call.now,
                      call.now + cookie_lifetime};
  net::HttpResponse response = cookie_answer(account, session.id);
  response.headers.emplace_back("Set-Cookie", cookie(core_.keys().sign(claims), cookie_lifetime));
  return response;
}

Task<net::HttpResponse> Sessions::first_step(Call& call, std::string email, Secret password,
                                             Carrier carrier) {
  const store::AccountRow account = co_await sign_in(call, std::move(email), std::move(password));
  if (account.totp_enabled) {
    // Any gateway of a cluster may get the code.
    const Claims claims{
        TokenUse::second_factor, account.id, {}, call.now, call.now + challenge_lifetime};
    co_return json_response(200,
                            {{"totp_required", true}, {"totp_token", core_.keys().sign(claims)}});
  }
  auto begin = [this, account, carrier](const Call& own) {
    return start(own, account, carrier, Proof::password);
  };
  net::HttpResponse response = co_await core_.disk(call, std::move(begin));
  co_return response;
}

store::AccountRow Sessions::second_step(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 2>{"totp_token", "code"}, {}, "sign-in");
  check(body);
  const std::string token = required_text(body, "totp_token");
  const std::string code = required_text(body, "code");
  core_.count_guess(core_.sign_in_guesses, call);
  const auto claims = core_.keys().verify(token, TokenUse::second_factor, call.now);
  const std::string tried = sha256(token);
  const Refusal refused{
      401, "invalid_credentials", "the code is wrong, or the sign-in took too long", {}, {}};
  if (!claims || codes_.take(tried)) throw refused;
  std::optional<store::AccountRow> account = unwrap(core_.deps.store.account(claims->account_id));
  if (!account) throw refused;
  if (account->totp_enabled && !take_second_factor(*account, code, call.now)) {
    core_.sign_ins.failed(call, *account, "the code was wrong");
    throw refused;
  }
  core_.guess_was_right(core_.sign_in_guesses, call);
  // It is good for one sign-in.
  codes_.use_up(tried);
  return std::move(*account);
}

Task<net::HttpResponse> Sessions::create(Call& call) {
  Credentials given = read_credentials(call, "email");
  net::HttpResponse response =
      co_await first_step(call, std::move(given.email), std::move(given.password), Carrier::tokens);
  co_return response;
}

Task<net::HttpResponse> Sessions::login(Call& call) {
  const bool by_name = call.body.contains("username");
  Credentials given = read_credentials(call, by_name ? "username" : "email");
  net::HttpResponse response =
      co_await first_step(call, std::move(given.email), std::move(given.password), Carrier::tokens);
  co_return response;
}

net::HttpResponse Sessions::complete(const Call& call) const {
  return start(call, second_step(call), Carrier::tokens, Proof::password_and_code);
}

net::HttpResponse Sessions::refresh(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"refresh_token"}, {}, "refresh request");
  check(body);
  const Secret given(required_text(body, "refresh_token"));
  const Secret next = new_refresh_token();
  const store::Refreshed refreshed = unwrap(core_.deps.store.refresh_session(
      Secret(sha256(given.reveal())), Secret(sha256(next.reveal())), call.now,
      call.now + refresh_lifetime));
  if (refreshed.result == store::Refreshed::Result::reused) {
    note_end(call, refreshed.account_id, refreshed.session_id);
  }
  if (refreshed.result != store::Refreshed::Result::renewed) {
    throw unauthorized("the refresh token is not valid, or was used before");
  }
  return token_pair(call, refreshed.account_id, refreshed.session_id, next);
}

/// Records that a reused refresh token has ended its session.
void Sessions::note_end(const Call& call, const std::string& person,
                        const std::string& session) const {
  const auto account = unwrap(core_.deps.store.account(person));
  if (!account) return;
  const auto audit =
      core_.sign_ins.entry(call.client, call.now, account->team_id, person, "session.ended",
                           {{"id", session}, {"why", "its refresh token was used twice"}});
  if (audit) unwrap(core_.deps.store.append_audit(*audit));
}

net::HttpResponse Sessions::end(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"refresh_token"}, {}, "refresh request");
  check(body);
  const Secret given(required_text(body, "refresh_token"));
  // The token determines the session.
  const auto audit = [&](const store::SessionRow& session) {
    return core_.sign_ins.entry(call.client, call.now, session.team_id, session.account_id,
                                "session.ended", {{"id", session.id}, {"why", "signed out"}});
  };
  const auto ended =
      unwrap(core_.deps.store.end_session_by_token(Secret(sha256(given.reveal())), audit));
  if (!ended) throw unauthorized("the refresh token is not valid");
  return no_content();
}

Task<net::HttpResponse> Sessions::create_cookie(Call& call) {
  Credentials given = read_credentials(call, "email");
  net::HttpResponse response =
      co_await first_step(call, std::move(given.email), std::move(given.password), Carrier::cookie);
  co_return response;
}

net::HttpResponse Sessions::complete_cookie(const Call& call) const {
  return start(call, second_step(call), Carrier::cookie, Proof::password_and_code);
}

net::HttpResponse Sessions::cookie_answer(const store::AccountRow& account,
                                          const std::string& session) const {
  boost::json::object body = describe_account(core_, authenticator_, account);
  body["account_id"] = account.team_id;
  body["csrf_token"] = core_.csrf_token(session);
  return json_response(200, body);
}

net::HttpResponse Sessions::show_cookie(const Call& call) const {
  const auto account = unwrap(core_.deps.store.account(call.caller.person_id));
  if (!account) throw unauthorized("the account is gone");
  return cookie_answer(*account, call.caller.session_id);
}

net::HttpResponse Sessions::end_cookie(const Call& call) const {
  const auto audit = core_.sign_ins.entry(call.client, call.now, call.caller.account_id,
                                          call.caller.person_id, "session.ended",
                                          {{"id", call.caller.session_id}, {"why", "signed out"}});
  const store::WriteOutcome ended = unwrap(core_.deps.store.end_session(
      call.caller.person_id, call.caller.session_id, audit ? &*audit : nullptr));
  // A session that is not found has ended already; anything else was rolled back.
  if (ended != store::WriteOutcome::done && ended != store::WriteOutcome::not_found) throw busy();
  net::HttpResponse response = no_content();
  response.headers.emplace_back("Set-Cookie", cookie("", std::chrono::seconds(0)));
  return response;
}

}  // namespace postern::admin
