#include "admin/plans.h"

#include <array>

#include <boost/json.hpp>

#include "admin/drafts.h"
#include "admin/place.h"

namespace postern::admin {

namespace {

namespace json = boost::json;
using dialect::webhook::BodyReader;

constexpr std::size_t plans_at_once = 2;

Refusal plan_busy() {
  Refusal refusal{429, "plan_busy", "another plan is being made; try again in a moment", {}, {}};
  refusal.headers.emplace_back("Retry-After", "1");
  return refusal;
}

}  // namespace

void Plans::add_routes(Router& router) {
  router.add(
      {"POST", "/api/v1/plan", Access::write, Body::json, router.handler(*this, &Plans::any)});
  router.add({"POST", "/api/v1/smtp-policies/{id}/plan", Access::write, Body::json,
              router.handler(*this, &Plans::of_policy)});
}

Task<net::HttpResponse> Plans::any(Call& call) {
  net::HttpResponse response = co_await answer(call, &Plans::read_any);
  co_return response;
}

Task<net::HttpResponse> Plans::of_policy(Call& call) {
  net::HttpResponse response = co_await answer(call, &Plans::read_policy);
  co_return response;
}

Task<net::HttpResponse> Plans::answer(Call& call,
                                      PlanRequest (Plans::*read)(const Call&, bool) const) {
  if (core_.deps.planner == nullptr) {
    throw unavailable("plans are not available on this server");
  }
  refuse_while_stopping(core_);
  const Place place(mutex_, running_, call.caller.account_id, plans_at_once);
  if (!place.taken()) throw plan_busy();
  const bool operates = co_await authenticator_.operates_gateway(call.caller.account_id);
  auto look = [this, read, operates](const Call& own) {
    PlanRequest request = (this->*read)(own, operates);
    request.account_id = own.caller.account_id;
    request.operates = operates;
    add_webhooks(core_, request);
    return request;
  };
  PlanRequest request = co_await core_.disk(call, std::move(look));
  auto found = co_await core_.deps.planner->plan(std::move(request));
  if (!found && found.error().fault == Fault::temporary) throw unavailable(found.error().message);
  if (!found) throw storage_trouble(found.error());
  co_return json_response(200, *found);
}

PlanSide Plans::read_side(const Call& call, const json::value& given, std::string_view field,
                          bool operates) const {
  const auto needs_lists = [&] {
    if (!operates) throw forbidden("only operators of this gateway plan connection policies");
    if (core_.deps.lists == nullptr) throw unavailable("this server has no connection policies");
  };
  PlanSide side;
  if (given.is_string() && given.get_string() == "running") return side;
  if (!given.is_object()) {
    throw invalid(std::string(field), "must be \"running\", a revision or a draft");
  }
  const json::object& object = given.get_object();
  if (object.contains("revision")) {
    static constexpr std::array<std::string_view, 1> known = {"revision"};
    BodyReader body(object);
    body.refuse_unknown(known, {}, field);
    const auto number = body.integer("revision", 1, std::numeric_limits<std::int64_t>::max());
    check(body);
    needs_lists();
    auto row = unwrap(core_.deps.store.list_revision(static_cast<std::uint64_t>(*number)));
    if (!row) throw Refusal{404, "not_found", "there is no such revision", {}, {}};
    RunningLists& lists = *core_.deps.lists;
    side.lists = unwrap(judged_again(std::move(*row), lists.hostname(), lists.file_rules()));
    return side;
  }
  if (object.contains("connection_policies")) needs_lists();
  Draft draft = read_draft(core_, call, object, field, DraftPasswords::new_ones);
  side.lists = std::move(draft.lists);
  side.policies = std::move(draft.policies);
  return side;
}

PlanRequest Plans::read_any(const Call& call, bool operates) const {
  static constexpr std::array<std::string_view, 4> known = {"old", "new", "replies", "routes"};
  BodyReader body(call.body);
  body.refuse_unknown(known, {}, "plan");
  body.boolean("replies");  // they are always compared
  const auto routes = body.boolean("routes");
  check(body);
  const json::value* before = body.find("old");
  const json::value* after = body.find("new");
  if (after == nullptr) throw missing("new");
  PlanRequest request;
  request.routes = routes.value_or(false);
  if (before != nullptr) request.before = read_side(call, *before, "old", operates);
  request.after = read_side(call, *after, "new", operates);
  return request;
}

PlanRequest Plans::read_policy(const Call& call, bool) const {
  const store::PolicyRow row = found(core_.deps.store.policy(call.caller.account_id, call.ids[0]));
  PlanRequest request;
  request.after.policies.push_back(
      draft_policy(row, call.body, "policy", DraftPasswords::new_ones));
  return request;
}

}  // namespace postern::admin
