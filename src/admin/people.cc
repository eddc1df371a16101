#include "admin/people.h"

#include <algorithm>
#include <array>

#include "admin/account_json.h"
#include "admin/links.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using store::WriteOutcome;

constexpr std::size_t max_invitations = 200;

boost::json::object member_json(const store::AccountRow& member, const Caller& caller) {
  return {{"id", member.id},
          {"email", member.email},
          {"role", store::to_string(member.role)},
          {"totp_enabled", member.totp_enabled},
          {"created_at", to_rfc3339(member.created_at)},
          {"last_seen_at", admin::to_json(member.last_seen_at)},
          {"you", member.id == caller.person_id}};
}

boost::json::object invitation_json(const store::LinkRow& invitation) {
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
  const auto add = [&](auto... route) { router.add(*this, route...); };
  add("GET", "/api/v1/members", Access::read, Body::none, &People::list);
  add("PUT", "/api/v1/members/{id}", Access::owner, Body::json, &People::change);
  add("DELETE", "/api/v1/members/{id}", Access::owner, Body::none, &People::remove);
  add("POST", "/api/v1/members/{id}/reset-link", Access::owner, Body::none,
      &People::create_reset_link);
  add("POST", "/api/v1/invitations", Access::owner, Body::json, &People::invite);
  add("DELETE", "/api/v1/invitations/{id}", Access::owner, Body::none, &People::revoke);
}

std::vector<store::AccountRow> People::members(const Call& call) const {
  return unwrap(core_.deps.store.members(call.caller.account_id));
}

store::AccountRow People::member(const Call& call) const {
  const std::vector<store::AccountRow> all = members(call);
  const auto one = std::ranges::find(all, call.ids[0], &store::AccountRow::id);
  if (one == all.end()) throw not_found();
  return *one;
}

net::HttpResponse People::list(const Call& call) const {
  boost::json::array data;
  for (const store::AccountRow& row : members(call)) data.push_back(member_json(row, call.caller));
  boost::json::array open;
  if (call.caller.role == store::Role::owner) {
    const auto invitations = unwrap(core_.deps.store.invitations(call.caller.account_id, call.now));
    for (const store::LinkRow& row : invitations) open.push_back(invitation_json(row));
  }
  return json_response(200, {{"data", std::move(data)}, {"invitations", std::move(open)}});
}

net::HttpResponse People::change(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"role"}, {}, "request");
  check(body);
  const store::Role role = read_role(body);
  store::AccountRow row = member(call);
  if (row.role != role) {
    const store::AuditRow audit = core_.audit(call, "member.role_changed",
                                              {{"id", row.id},
                                               {"email", row.email},
                                               {"from", store::to_string(row.role)},
                                               {"to", store::to_string(role)}});
    const WriteOutcome done =
        unwrap(core_.deps.store.set_role(call.caller.account_id, row.id, role, &audit));
    if (done == WriteOutcome::in_use) throw last_owner();
    if (done != WriteOutcome::done) throw not_found();
    row.role = role;
  }
  return json_response(200, member_json(row, call.caller));
}

net::HttpResponse People::remove(const Call& call) const {
  const store::AccountRow row = member(call);
  const store::AuditRow audit =
      core_.audit(call, "member.removed", {{"id", row.id}, {"email", row.email}});
  const WriteOutcome gone =
      unwrap(core_.deps.store.remove_member(call.caller.account_id, row.id, &audit));
  if (gone == WriteOutcome::in_use) throw last_owner();
  if (gone != WriteOutcome::done) throw not_found();
  return no_content();
}

net::HttpResponse People::create_reset_link(const Call& call) const {
  const store::AccountRow row = member(call);
  NewLink link = new_link(store::LinkRow::Kind::reset, core_.options.public_url, call.now);
  link.row.account_id = row.id;
  link.row.email = row.email;
  link.row.created_by = call.caller.person_id;
  const store::AuditRow audit =
      core_.audit(call, "member.reset_link_created", {{"id", row.id}, {"email", row.email}});
  const WriteOutcome kept = unwrap(core_.deps.store.create_link(link.row, link.hash, &audit));
  if (kept != WriteOutcome::done) throw not_found();
  return json_response(201,
                       {{"link", link.url}, {"expires_at", admin::to_json(link.row.expires_at)}});
}

net::HttpResponse People::invite(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 2>{"role", "email"}, {}, "invitation");
  check(body);
  NewLink link = new_link(store::LinkRow::Kind::invitation, core_.options.public_url, call.now);
  link.row.role = read_role(body);
  if (body.find("email") != nullptr) link.row.email = checked_email(body);
  link.row.account_id = call.caller.account_id;
  link.row.created_by = call.caller.person_id;
  const std::vector<store::AccountRow> all = members(call);
  const auto self = std::ranges::find(all, call.caller.person_id, &store::AccountRow::id);
  if (self != all.end()) link.row.creator_email = self->email;
  boost::json::object answer = invitation_json(link.row);
  const store::AuditRow audit = core_.audit(call, "member.invited",
                                            {{"id", link.row.id},
                                             {"role", store::to_string(link.row.role)},
                                             {"email", answer.at("email")}});
  const auto open = unwrap(core_.deps.store.invitations(link.row.account_id, call.now));
  if (open.size() >= max_invitations)
    throw conflict("conflict", "the account has 200 open invitations; revoke one first");
  const WriteOutcome kept = unwrap(core_.deps.store.create_link(link.row, link.hash, &audit));
  if (kept != WriteOutcome::done) throw unauthorized("the account is gone");
  answer["link"] = link.url;
  return json_response(201, answer);
}

net::HttpResponse People::revoke(const Call& call) const {
  const store::AuditRow audit =
      core_.audit(call, "member.invitation_revoked", {{"id", call.ids[0]}});
  const WriteOutcome erased =
      unwrap(core_.deps.store.delete_invitation(call.caller.account_id, call.ids[0], &audit));
  if (erased != WriteOutcome::done) throw not_found();
  return no_content();
}

}  // namespace postern::admin
