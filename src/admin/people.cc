#include "admin/people.h"

#include <algorithm>
#include <array>

#include "admin/account_json.h"
#include "admin/links.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using store::Outcome;

constexpr std::size_t max_invitations = 200;

boost::json::object to_json(const store::AccountRow& member, const Caller& caller) {
  return {{"id", member.id},
          {"email", member.email},
          {"role", store::to_string(member.role)},
          {"totp_enabled", member.totp_enabled},
          {"created_at", to_rfc3339(member.created_at)},
          {"last_seen_at", admin::to_json(member.last_seen_at)},
          {"you", member.id == caller.person_id}};
}

boost::json::object to_json(const store::LinkRow& invitation) {
  return {{"id", invitation.id},
          {"role", store::to_string(invitation.role)},
          {"email", invitation.email.empty() ? boost::json::value(nullptr)
                                             : boost::json::value(invitation.email)},
          {"created_at", to_rfc3339(invitation.created_at)},
          {"expires_at", admin::to_json(invitation.expires_at)},
          {"created_by", invitation.creator_email}};
}

store::Role read_role(BodyReader& body) {
  const std::optional<store::Role> role = store::role_of(required_text(body, "role"));
  if (!role) throw invalid("role", "is not \"owner\", \"operator\" or \"viewer\"");
  return *role;
}

}  // namespace

Refusal last_owner() {
  return conflict("conflict",
                  "this is the account's last owner; make another member an owner "
                  "first");
}

void People::add_routes(Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, Body body,
                       auto handler) {
    router.add({method, path, access, body,
                [this, handler](Call& call) { return (this->*handler)(call); }});
  };
  add("GET", "/api/v1/members", Access::read, Body::none, &People::list);
  add("PUT", "/api/v1/members/{id}", Access::owner, Body::json, &People::change);
  add("DELETE", "/api/v1/members/{id}", Access::owner, Body::none, &People::remove);
  add("POST", "/api/v1/members/{id}/reset-link", Access::owner, Body::none,
      &People::create_reset_link);
  add("POST", "/api/v1/invitations", Access::owner, Body::json, &People::invite);
  add("DELETE", "/api/v1/invitations/{id}", Access::owner, Body::none, &People::revoke);
}

Task<std::vector<store::AccountRow>> People::members(const Call& call) {
  auto read = [&store = core_.deps.store, team = call.caller.account_id] {
    return store.members(team);
  };
  std::vector<store::AccountRow> found = co_await core_.disk(call, std::move(read));
  co_return found;
}

Task<store::AccountRow> People::member(const Call& call) {
  const std::vector<store::AccountRow> all = co_await members(call);
  const auto found = std::ranges::find(all, call.ids[0], &store::AccountRow::id);
  if (found == all.end()) throw not_found();
  co_return *found;
}

Task<net::HttpResponse> People::list(Call& call) {
  const std::vector<store::AccountRow> all = co_await members(call);
  boost::json::array data;
  for (const store::AccountRow& row : all) data.push_back(to_json(row, call.caller));
  boost::json::array open;
  if (call.caller.role == store::Role::owner) {
    auto read = [&store = core_.deps.store, team = call.caller.account_id, now = call.now] {
      return store.invitations(team, now);
    };
    const std::vector<store::LinkRow> invitations = co_await core_.disk(call, std::move(read));
    for (const store::LinkRow& row : invitations) open.push_back(to_json(row));
  }
  co_return json_response(200, {{"data", std::move(data)}, {"invitations", std::move(open)}});
}

Task<net::HttpResponse> People::change(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"role"}, {}, "request");
  check(body);
  const store::Role role = read_role(body);
  store::AccountRow row = co_await member(call);
  if (row.role != role) {
    auto set = [&store = core_.deps.store, team = call.caller.account_id, person = row.id, role,
                audit = core_.audit(call, "member.role_changed",
                                    {{"id", row.id},
                                     {"email", row.email},
                                     {"from", store::to_string(row.role)},
                                     {"to", store::to_string(role)}})] {
      return store.set_role(team, person, role, &audit);
    };
    const Outcome done = co_await core_.disk(call, std::move(set));
    if (done == Outcome::in_use) throw last_owner();
    if (done != Outcome::done) throw not_found();
    row.role = role;
  }
  co_return json_response(200, to_json(row, call.caller));
}

Task<net::HttpResponse> People::remove(Call& call) {
  const store::AccountRow row = co_await member(call);
  auto go = [&store = core_.deps.store, team = call.caller.account_id, person = row.id,
             audit = core_.audit(call, "member.removed", {{"id", row.id}, {"email", row.email}})] {
    return store.remove_member(team, person, &audit);
  };
  const Outcome gone = co_await core_.disk(call, std::move(go));
  if (gone == Outcome::in_use) throw last_owner();
  if (gone != Outcome::done) throw not_found();
  co_return no_content();
}

Task<net::HttpResponse> People::create_reset_link(Call& call) {
  const store::AccountRow row = co_await member(call);
  NewLink link = new_link(store::LinkRow::Kind::reset, core_.options.public_url, call.now);
  link.row.account_id = row.id;
  link.row.email = row.email;
  link.row.created_by = call.caller.person_id;
  auto keep = [&store = core_.deps.store, row = link.row, hash = link.hash,
               audit = core_.audit(call, "member.reset_link_created",
                                   {{"id", row.id}, {"email", row.email}})] {
    return store.create_link(row, hash, &audit);
  };
  const Outcome kept = co_await core_.disk(call, std::move(keep));
  if (kept != Outcome::done) throw not_found();
  co_return json_response(
      201, {{"link", link.url}, {"expires_at", admin::to_json(link.row.expires_at)}});
}

Task<net::HttpResponse> People::invite(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 2>{"role", "email"}, {}, "invitation");
  check(body);
  NewLink link = new_link(store::LinkRow::Kind::invitation, core_.options.public_url, call.now);
  link.row.role = read_role(body);
  if (body.find("email") != nullptr) link.row.email = checked_email(body);
  link.row.account_id = call.caller.account_id;
  link.row.created_by = call.caller.person_id;
  const std::vector<store::AccountRow> all = co_await members(call);
  const auto self = std::ranges::find(all, call.caller.person_id, &store::AccountRow::id);
  if (self != all.end()) link.row.creator_email = self->email;
  boost::json::object answer = to_json(link.row);
  auto keep = [&store = core_.deps.store, row = link.row, hash = link.hash,
               audit = core_.audit(call, "member.invited",
                                   {{"id", link.row.id},
                                    {"role", store::to_string(link.row.role)},
                                    {"email", answer.at("email")}})]() -> Result<Outcome> {
    const auto open = store.invitations(row.account_id, row.created_at);
    if (!open) return tl::unexpected(open.error());
    if (open->size() >= max_invitations) return Outcome::in_use;
    return store.create_link(row, hash, &audit);
  };
  const Outcome kept = co_await core_.disk(call, std::move(keep));
  if (kept == Outcome::in_use)
    throw conflict("conflict", "the account has 200 open invitations; revoke one first");
  if (kept != Outcome::done) throw unauthorized("the account is gone");
  answer["link"] = link.url;
  co_return json_response(201, answer);
}

Task<net::HttpResponse> People::revoke(Call& call) {
  auto erase = [&store = core_.deps.store, team = call.caller.account_id, id = call.ids[0],
                audit = core_.audit(call, "member.invitation_revoked", {{"id", call.ids[0]}})] {
    return store.delete_invitation(team, id, &audit);
  };
  const Outcome erased = co_await core_.disk(call, std::move(erase));
  if (erased != Outcome::done) throw not_found();
  co_return no_content();
}

}  // namespace postern::admin
