#include "admin/authenticator.h"

#include <algorithm>

#include "admin/digest.h"
#include "base/text.h"
#include "net/http_target.h"
#include "store/store.h"

namespace postern::admin {
namespace {

std::optional<std::string> cookie_of(const Call& call, std::string_view name) {
  const auto header = call.request.header("cookie");
  if (!header) return std::nullopt;
  for (const std::string_view pair : split(*header, ';')) {
    const std::string_view cookie = trim(pair);
    const std::size_t equals = cookie.find('=');
    if (equals != std::string_view::npos && cookie.substr(0, equals) == name) {
      return std::string(cookie.substr(equals + 1));
    }
  }
  return std::nullopt;
}

/// The token of the Authorization field (RFC 6750 §2.1); nullopt: no such field. Throws 401 for
/// another scheme.
std::optional<std::string> bearer_of(const Call& call) {
  const auto header = call.request.header("authorization");
  if (!header) return std::nullopt;
  if (!istarts_with(*header, "Bearer "))
    throw unauthorized("the Authorization header is not a bearer token");
  const std::string_view token = trim(header->substr(7));
  if (token.empty()) throw unauthorized("the bearer token is empty");
  return std::string(token);
}

bool listed(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Whether the list contains the client; an empty list contains all addresses, and an invalid entry
/// none.
bool address_allowed(const std::vector<std::string>& networks, const IpAddress& client) {
  if (networks.empty()) return true;
  return std::any_of(networks.begin(), networks.end(), [&](const std::string& text) {
    const Result<Cidr> network = Cidr::parse(text);
    return network && network->contains(client);
  });
}

/// Checks the role, independently of the kind of credentials.
void check_role(const Caller& caller, Access access) {
  if (access == Access::write && caller.role < store::Role::operates) {
    throw forbidden("a viewer of this account may see everything and change nothing");
  }
  if (access == Access::owner && caller.role != store::Role::owner) {
    throw forbidden("only an owner of this account may do this");
  }
}

bool is_write(const Call& call) { return call.request.method != "GET"; }

/// Whether host and port cannot be redirected by a name server. Any other name may belong to
/// another site that points it at this gateway (DNS rebinding): Host and Origin would then agree.
bool is_fixed(std::string_view authority) {
  const auto parts = split_port(authority);
  return parts && (net::is_localhost_name(parts->host) || IpAddress::from_text(parts->host));
}

}  // namespace

std::string_view cookie_name(const Options& options) {
  return istarts_with(options.public_url, "https://") ? "__Host-postern_session"
                                                      : "postern_session";
}

Guest::Guest(Core& core, const Call& given, Access wanted)
    : access(wanted),
      watch(*core.access, {given.caller.person_id, given.caller.account_id, given.caller.session_id,
                           given.caller.actor}) {
  call.request.method = "GET";  // this only reads, so no CSRF token is needed again
  call.request.headers = given.request.headers;
  call.request.peer = given.request.peer;
  call.client = given.client;
  call.caller = given.caller;
}

bool Guest::is_settled() const {
  return watch.is_settled() && !(call.caller.until && *call.caller.until <= store::now());
}

Task<std::optional<Refusal>> Authenticator::judge_again(Guest& guest) {
  const std::uint64_t seen = guest.watch.seen();
  guest.call.now = store::now();
  try {
    co_await admit(guest.call, guest.access);
  } catch (const Refusal& refused) {
    co_return refused;  // also refuses what cannot be judged
  } catch (const std::exception&) {
    co_return unavailable("the access could not be checked; try again");
  }
  guest.watch.settle(seen);
  co_return std::nullopt;
}

Task<Refusal> Authenticator::end_of_access(Guest& guest) {
  for (;;) {
    co_await guest.watch.changed(guest.call.caller.until);
    std::optional<Refusal> refusal = co_await judge_again(guest);
    if (refusal) co_return std::move(*refusal);
  }
}

Task<std::optional<Caller>> Authenticator::live_session(Caller::Kind kind, const Claims& claims,
                                                        store::Time now) {
  auto look = [&store = core_.deps.store, id = claims.session_id, now] {
    std::optional<store::SessionRow> session = unwrap(store.session(id, now));
    const bool stale =
        session && (!session->seen_at || *session->seen_at + std::chrono::hours(1) <= now);
    if (stale) unwrap(store.touch_account(session->account_id, now));
    return session;
  };
  const std::optional<store::SessionRow> session =
      co_await core_.disk({.account = claims.account_id, .client = {}}, std::move(look));
  if (!session || session->account_id != claims.account_id) co_return std::nullopt;
  co_return Caller{.kind = kind,
                   .account_id = session->team_id,
                   .person_id = session->account_id,
                   .role = session->role,
                   .actor = session->account_id,
                   .session_id = session->id,
                   .until = session->expires_at};
}

Task<Caller> Authenticator::session_caller(const Call& call, std::string token) {
  const auto claims = core_.keys().verify(token, TokenUse::access, call.now);
  if (!claims && claims.error() == TokenFault::expired) {
    throw Refusal{
        401, "token_expired", "the access token has expired; refresh the session", {}, {}};
  }
  if (!claims) throw unauthorized("the access token is not valid");
  std::optional<Caller> caller = co_await live_session(Caller::Kind::session, *claims, call.now);
  if (!caller) throw unauthorized("the session has ended");
  co_return std::move(*caller);
}

Caller Authenticator::api_token_caller(const std::string& token, Access access,
                                       const IpAddress& client, store::Time now) const {
  const auto row = unwrap(core_.deps.store.api_token_by_hash(Secret(sha256(token))));
  if (!row) throw unauthorized("the token is not valid");
  if (row->expires_at && *row->expires_at <= now) {
    throw Refusal{401, "token_expired", "the API token has expired", {}, {}};
  }
  if (!address_allowed(row->allowed_ips, client)) {
    throw unauthorized("the API token may not be used from this address");
  }
  if (access == Access::session || access == Access::owner)
    throw forbidden("this needs a sign-in; API tokens may not do it");
  const std::string_view scope = access == Access::read ? "read" : "write";
  if (!listed(row->scopes, scope))
    throw forbidden("the API token lacks the scope \"" + std::string(scope) + "\"");
  unwrap(core_.deps.store.touch_api_token(row->id, now));
  return Caller{.kind = Caller::Kind::api_token,
                .account_id = row->account_id,
                .person_id = row->maker,
                .role = row->maker_role,
                .actor = row->id,
                .session_id = {},
                .until = row->expires_at};
}

Task<std::optional<Caller>> Authenticator::cookie_caller(const Call& call) {
  const std::optional<std::string> cookie = cookie_of(call, cookie_name(core_.options));
  if (!cookie) co_return std::nullopt;
  const auto claims = core_.keys().verify(*cookie, TokenUse::cookie, call.now);
  if (!claims) co_return std::nullopt;
  std::optional<Caller> caller = co_await live_session(Caller::Kind::cookie, *claims, call.now);
  co_return caller;
}

void Authenticator::check_origin(const Call& call) const {
  const Refusal foreign = forbidden(
      "the request comes neither from api.public_url nor from the address that it is "
      "sent to");
  if (const auto site = call.request.header("sec-fetch-site");
      site && *site != "same-origin" && *site != "none") {
    throw foreign;
  }
  const auto origin = call.request.header("origin");
  if (!origin || iequals(*origin, core_.options.public_url)) return;
  const std::size_t authority = origin->find("://");
  const auto host = call.request.header("host");
  if (authority == std::string_view::npos || !host || !is_fixed(*host) ||
      !iequals(origin->substr(authority + 3), *host))
    throw foreign;
}

void Authenticator::check_same_site(const Call& call, std::string_view session_id) const {
  const auto given = call.request.header("x-csrf-token");
  if (!given || !equal_in_constant_time(*given, core_.csrf_token(session_id))) {
    throw forbidden("the X-CSRF-Token header is missing or wrong");
  }
}

Task<void> Authenticator::admit(Call& call, Access access) {
  if (is_write(call)) check_origin(call);
  if (access == Access::open) co_return;
  if (const std::optional<std::string> bearer = bearer_of(call)) {
    // Only session tokens contain dots, so each token is looked up in one place.
    if (bearer->find('.') != std::string::npos) {
      call.caller = co_await session_caller(call, *bearer);
    } else {
      auto judge = [this, token = *bearer, access, client = call.client, now = call.now] {
        return api_token_caller(token, access, client, now);
      };
      call.caller = co_await core_.disk(call, std::move(judge));
    }
    check_role(call.caller, access);
    co_return;
  }
  std::optional<Caller> caller = co_await cookie_caller(call);
  if (!caller) throw unauthorized("sign in, or send a bearer token");
  if (is_write(call)) check_same_site(call, caller->session_id);
  call.caller = std::move(*caller);
  check_role(call.caller, access);
}

bool Authenticator::admit_control(Call& call) const {
  const std::optional<std::string> bearer = bearer_of(call);
  const Secret& token = core_.options.control_token;
  if (!bearer || token.empty() || !token.equals(*bearer)) return false;
  call.caller = Caller{.kind = Caller::Kind::control,
                       .account_id = {},
                       .person_id = {},
                       .role = store::Role::none,
                       .actor = "control",
                       .session_id = {}};
  return true;
}

Task<bool> Authenticator::operates_gateway(std::string team) {
  if (const auto known = operators_.known(team)) co_return *known;
  auto look = [this, team] { return is_operator(team); };
  co_return co_await core_.disk({.account = team, .client = {}}, std::move(look));
}

Task<void> Authenticator::admit_operator(const Call& call) {
  const bool operates = co_await operates_gateway(call.caller.account_id);
  if (operates) co_return;
  throw Refusal{
      403,
      "operators_only",
      "only operators of the gateway may do this: the accounts of api.operators, or the first one",
      {},
      {}};
}

}  // namespace postern::admin
