#include "admin/account_history.h"

#include <boost/json.hpp>

#include "base/ulid.h"
#include "store/store.h"

namespace postern::admin {
namespace {

boost::json::object audit_json(const store::AuditRow& entry) {
  boost::system::error_code bad;
  boost::json::value details = boost::json::parse(entry.details, bad);
  if (bad) details = boost::json::object();
  boost::json::object out{
      {"id", entry.id}, {"action", entry.action}, {"details", std::move(details)},
      {"ip", entry.ip}, {"actor", entry.actor},   {"created_at", to_rfc3339(entry.created_at)}};
  if (!entry.actor_name.empty()) out["actor_name"] = entry.actor_name;
  return out;
}

boost::json::object session_json(const store::SessionRow& session, const Caller& caller) {
  return {{"id", session.id},
          {"ip", session.ip},
          {"user_agent", session.user_agent},
          {"created_at", to_rfc3339(session.created_at)},
          {"refreshed_at", to_rfc3339(session.refreshed_at)},
          {"expires_at", to_rfc3339(session.expires_at)},
          {"current", session.id == caller.session_id}};
}

}  // namespace

void AccountHistory::add_routes(Router& router) {
  router.add(*this, "GET", "/api/v1/accounts/me/audit-log", Access::read, Body::none,
             &AccountHistory::audit_log);
  router.add(*this, "GET", "/api/v1/accounts/me/sessions", Access::read, Body::none,
             &AccountHistory::sign_ins);
  router.add(*this, "DELETE", "/api/v1/accounts/me/sessions/{id}", Access::session, Body::none,
             &AccountHistory::end_sign_in);
}

net::HttpResponse AccountHistory::audit_log(const Call& call) const {
  const std::uint64_t limit = number_parameter(call, "limit", 1, 200).value_or(50);
  const std::string cursor(call.request.parameter("cursor").value_or(""));
  if (!cursor.empty() && (!cursor.starts_with("al_") || !is_ulid(cursor.substr(3)))) {
    throw invalid("cursor", "is not the `next` of a page");
  }
  unwrap(core_.sign_ins.write(core_.deps.store, call.now));
  // Reads one entry more than shown, to know whether there is a next page.
  auto entries = unwrap(core_.deps.store.audit_log(call.caller.account_id, {cursor, limit + 1}));
  boost::json::value next = nullptr;
  if (entries.rows.size() > limit) {
    entries.rows.pop_back();
    next = entries.rows.back().id;
  }
  boost::json::array data;
  for (const store::AuditRow& entry : entries.rows) data.push_back(audit_json(entry));
  return json_response(
      200, {{"data", std::move(data)}, {"total", entries.total}, {"next", std::move(next)}});
}

net::HttpResponse AccountHistory::sign_ins(const Call& call) const {
  const auto sessions = unwrap(core_.deps.store.sessions(call.caller.person_id, call.now));
  boost::json::array data;
  for (const store::SessionRow& row : sessions.rows) data.push_back(session_json(row, call.caller));
  return json_response(200, {{"data", std::move(data)}});
}

net::HttpResponse AccountHistory::end_sign_in(const Call& call) const {
  const store::AuditRow audit = core_.audit(call, "session.ended", {{"id", call.ids[0]}});
  const store::WriteOutcome ended =
      unwrap(core_.deps.store.end_session(call.caller.person_id, call.ids[0], &audit));
  if (ended != store::WriteOutcome::done) throw not_found();
  return no_content();
}

}  // namespace postern::admin
