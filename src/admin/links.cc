#include "admin/links.h"

#include "admin/account_json.h"
#include "admin/digest.h"
#include "admin/json_value.h"
#include "base/text.h"
#include "base/ulid.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using Kind = store::LinkRow::Kind;

}  // namespace

NewLink new_link(Kind kind, std::string_view public_url, store::Time now) {
  const std::string token = base64url_encode(random_bytes(32));
  NewLink link;
  link.row.id = new_id(kind == Kind::invitation ? "inv_" : "lnk_");
  link.row.kind = kind;
  link.row.created_at = now;
  if (kind == Kind::invitation) link.row.expires_at = now + invitation_lifetime;
  if (kind == Kind::reset) link.row.expires_at = now + reset_lifetime;
  link.hash = Secret(sha256(token));
  link.url = std::string(public_url) + (kind == Kind::reset ? "/app/reset" : "/app/signup") +
             "?link=" + token;
  return link;
}

std::optional<store::LinkRow> find_link(Core& core, const Call& call, const Secret& token) {
  core.count_guess(core.link_guesses, call);
  auto link = unwrap(core.deps.store.link(Secret(sha256(token.reveal())), call.now));
  if (link) core.guess_was_right(core.link_guesses, call);
  return link;
}

void Links::add_routes(Router& router) {
  router.add(*this, "GET", "/api/v1/links/{token}", Access::open, Body::none, &Links::show);
  router.add(*this, "POST", "/api/v1/password-resets", Access::open, Body::json, &Links::reset);
}

net::HttpResponse Links::show(const Call& call) const {
  const auto link = find_link(core_, call, Secret(call.ids[0]));
  if (!link) throw Refusal{404, "not_found", std::string(dead_link), {}, {}};
  const bool invitation = link->kind == Kind::invitation;
  boost::json::value role = nullptr;
  if (link->kind != Kind::reset) role = store::to_string(link->role);
  // A person who has never signed in chooses a first password, and is welcomed.
  bool first = false;
  if (link->kind == Kind::reset) {
    const auto account = unwrap(core_.deps.store.account(link->account_id));
    first = account && !account->last_seen_at;
  }
  return json_response(200, {{"kind", store::to_string(link->kind)},
                             {"role", std::move(role)},
                             {"email", text_or_null(link->email)},
                             {"first", first},
                             {"team", text_or_null(invitation ? link->creator_email : "")},
                             {"expires_at", to_json(link->expires_at)}});
}

Task<net::HttpResponse> Links::reset(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 2>{"token", "new_password"}, {}, "request");
  check(body);
  const Secret token(required_text(body, "token"));
  Secret password = checked_new_password(body, "new_password");
  auto look = [this, token](const Call& own) {
    const auto found = find_link(core_, own, token);
    if (!found || found->kind != Kind::reset) throw unauthorized(std::string(dead_link));
    const auto person = unwrap(core_.deps.store.account(found->account_id));
    if (!person) throw unauthorized(std::string(dead_link));
    return std::pair(*found, *person);
  };
  const auto [link, account] = co_await core_.disk(call, std::move(look));
  net::Turn turn = turn_of(call);
  turn.account = account.id;
  Result<Secret> hash = co_await core_.passwords.hash(std::move(turn), std::move(password));
  if (!hash) throw busy();
  store::AuditRow audit = core_.audit(call, "account.password_reset", {{"link", link.id}});
  audit.account_id = account.team_id;
  audit.actor = account.id;
  auto set = [&store = core_.deps.store, link_hash = Secret(sha256(token.reveal())),
              hash = std::move(*hash), now = call.now,
              audit] { return store.reset_password(link_hash, hash, now, &audit); };
  const store::WriteOutcome done = co_await core_.disk(call, std::move(set));
  if (done != store::WriteOutcome::done) throw unauthorized(std::string(dead_link));
  co_return no_content();
}

}  // namespace postern::admin
