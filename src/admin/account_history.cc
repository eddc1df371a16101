#include "admin/account_history.h"

#include <boost/json.hpp>

#include "base/ulid.h"

namespace postern::admin {
namespace {

boost::json::object to_json(const store::AuditRow& entry) {
  boost::system::error_code bad;
  boost::json::value details = boost::json::parse(entry.details, bad);
  if (bad) details = boost::json::object();
  boost::json::object out{
      {"id", entry.id}, {"action", entry.action}, {"details", std::move(details)},
      {"ip", entry.ip}, {"actor", entry.actor},   {"created_at", to_rfc3339(entry.created_at)}};
  if (!entry.actor_name.empty()) out["actor_name"] = entry.actor_name;
  return out;
}

boost::json::object to_json(const store::SessionRow& session, const Caller& caller) {
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
  router.add({"GET", "/api/v1/accounts/me/audit-log", Access::read, Body::none,
              [this](Call& c) { return audit_log(c); }});
  router.add({"GET", "/api/v1/accounts/me/sessions", Access::read, Body::none,
              [this](Call& c) { return sign_ins(c); }});
  router.add({"DELETE", "/api/v1/accounts/me/sessions/{id}", Access::session, Body::none,
              [this](Call& c) { return end_sign_in(c); }});
}

Task<net::HttpResponse> AccountHistory::audit_log(Call& call) {
  const std::uint64_t limit = number_parameter(call, "limit", 1, 200).value_or(50);
  const std::string cursor(call.request.parameter("cursor").value_or(""));
  if (!cursor.empty() && (!cursor.starts_with("al_") || !is_ulid(cursor.substr(3)))) {
    throw invalid("cursor", "is not the `next` of a page");
  }
  // Reads one entry more than shown, to know whether there is a next page.
  auto read = [&core = core_, id = call.caller.account_id, cursor, limit,
               now = call.now]() -> Result<store::Listed<store::AuditRow>> {
    if (auto written = core.sign_ins.write(core.deps.store, now); !written) {
      return tl::unexpected(written.error());
    }
    return core.deps.store.audit_log(id, {cursor, limit + 1});
  };
  store::Listed<store::AuditRow> entries = co_await core_.disk(call, std::move(read));
  boost::json::value next = nullptr;
  if (entries.rows.size() > limit) {
    entries.rows.pop_back();
    next = entries.rows.back().id;
  }
  boost::json::array data;
  for (const store::AuditRow& entry : entries.rows) data.push_back(to_json(entry));
  co_return json_response(
      200, {{"data", std::move(data)}, {"total", entries.total}, {"next", std::move(next)}});
}

Task<net::HttpResponse> AccountHistory::sign_ins(Call& call) {
  auto read = [&store = core_.deps.store, person = call.caller.person_id, now = call.now] {
    return store.sessions(person, now);
  };
  const store::Listed<store::SessionRow> sessions = co_await core_.disk(call, std::move(read));
  boost::json::array data;
  for (const store::SessionRow& row : sessions.rows) data.push_back(to_json(row, call.caller));
  co_return json_response(200, {{"data", std::move(data)}});
}

Task<net::HttpResponse> AccountHistory::end_sign_in(Call& call) {
  auto finish = [&store = core_.deps.store, person = call.caller.person_id, id = call.ids[0],
                 audit = core_.audit(call, "session.ended", {{"id", call.ids[0]}})] {
    return store.end_session(person, id, &audit);
  };
  const store::Outcome ended = co_await core_.disk(call, std::move(finish));
  if (ended != store::Outcome::done) throw not_found();
  co_return no_content();
}

}  // namespace postern::admin
