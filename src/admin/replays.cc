#include "admin/replays.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "admin/drafts.h"
#include "base/amount.h"

namespace postern::admin {
namespace {

namespace json = boost::json;
using dialect::webhook::BodyReader;
using Status = ReplayState::Status;

constexpr std::int64_t most_traces = 1'000'000'000;
constexpr std::int64_t most_samples = 1000;

std::string_view word_of_status(Status status) {
  switch (status) {
    case Status::running:
      return "running";
    case Status::done:
      return "done";
    case Status::stopped:
      return "stopped";
    case Status::failed:
      break;
  }
  return "failed";
}

json::object replay_json(const ReplayState& state, bool whole) {
  json::object out{{"id", state.id},
                   {"status", word_of_status(state.status)},
                   {"created_at", to_rfc3339(state.created_at)},
                   {"done", state.done},
                   {"all", state.all}};
  if (state.status != Status::running) out["seconds"] = state.seconds;
  if (state.status == Status::failed) out["error"] = state.error;
  if (whole && !state.result.empty()) out["result"] = state.result;
  return out;
}

}  // namespace

void Replays::add_routes(Router& router) {
  const auto add = [&](auto... route) { router.add_for_operators(*this, route...); };
  add("POST", "/api/v1/replay", Access::write, Body::json, &Replays::start);
  add("GET", "/api/v1/replay", Access::read, Body::none, &Replays::list);
  add("GET", "/api/v1/replay/{id}", Access::read, Body::none, &Replays::show);
  add("DELETE", "/api/v1/replay/{id}", Access::write, Body::none, &Replays::stop);
}

Replayer& Replays::replayer() const {
  if (core_.deps.replayer == nullptr || core_.deps.lists == nullptr) {
    throw unavailable("replays are not available on this server");
  }
  return *core_.deps.replayer;
}

ReplayRequest Replays::read(const Call& call) const {
  BodyReader body(call.body);
  static constexpr std::array<std::string_view, 4> known = {"draft", "since", "limit", "samples"};
  body.refuse_unknown(known, {}, "replay");
  const json::value* draft = body.find("draft");
  if (draft == nullptr) throw missing("draft");
  if (!draft->is_object()) throw invalid("draft", "must be an object");
  ReplayRequest request;
  if (const auto since = body.text("since")) {
    const Result<std::chrono::milliseconds> back = parse_duration(*since);
    const std::optional<store::Time> time = from_rfc3339(*since);
    if (!back && !time) body.error("since", "must be a duration (24h, 7d) or an RFC 3339 time");
    request.since = back ? call.now - *back : time.value_or(call.now);
  }
  if (const auto limit = body.integer("limit", 1, most_traces)) {
    request.limit = static_cast<std::uint64_t>(*limit);
  }
  const auto samples = body.integer("samples", 0, most_samples);
  if (samples) request.samples = static_cast<std::size_t>(*samples);
  check(body);

  Draft read = read_draft(core_, call, draft->get_object(), "draft", DraftPasswords::refused);
  request.lists = std::move(read.lists);
  request.policies = std::move(read.policies);
  return request;
}

net::HttpResponse Replays::start(const Call& call) const {
  Replayer& replays = replayer();
  refuse_while_stopping(core_);
  const Result<std::string> id = replays.start(read(call));
  if (!id && id.error().fault == Fault::temporary) throw unavailable(id.error().message);
  if (!id) throw conflict("replay_running", id.error().message);
  net::HttpResponse response =
      json_response(202, replay_json(replays.state(*id).value_or(ReplayState{}), false));
  response.headers.emplace_back("Location", "/api/v1/replay/" + *id);
  return response;
}

net::HttpResponse Replays::list(const Call&) const {
  json::array data;
  for (const ReplayState& state : replayer().states()) data.push_back(replay_json(state, false));
  const std::size_t total = data.size();
  return json_response(200, {{"data", std::move(data)}, {"total", total}});
}

ReplayState Replays::state_of(const Call& call) const {
  std::optional<ReplayState> state = replayer().state(call.ids[0]);
  if (!state) throw Refusal{404, "not_found", "there is no such replay", {}, {}};
  return std::move(*state);
}

net::HttpResponse Replays::show(const Call& call) const {
  return json_response(200, replay_json(state_of(call), true));
}

net::HttpResponse Replays::stop(const Call& call) const {
  replayer().stop(state_of(call).id);
  return no_content();
}

}  // namespace postern::admin
