#include "admin/replays.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "admin/connection_policies.h"
#include "admin/policies.h"
#include "admin/publisher.h"
#include "base/amount.h"
#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/webhook/compile.h"

namespace postern::admin {
namespace {

namespace restrictions = dialect::restrictions;
namespace json = boost::json;
using dialect::webhook::BodyReader;
using Status = ReplayState::Status;

constexpr std::int64_t most_traces = 1'000'000'000;
constexpr std::int64_t most_samples = 1000;
constexpr std::size_t most_policies = 100;

std::string_view word_of(Status status) {
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

json::object to_json(const ReplayState& state, bool whole) {
  json::object out{{"id", state.id},
                   {"status", word_of(state.status)},
                   {"created_at", to_rfc3339(state.created_at)},
                   {"done", state.done},
                   {"all", state.all}};
  if (state.status != Status::running) out["seconds"] = state.seconds;
  if (state.status == Status::failed) out["error"] = state.error;
  if (whole && !state.result.empty()) out["result"] = state.result;
  return out;
}

/// Unlike running lists, a draft may be an open relay: the replay shows what it would accept.
bool can_decide(const restrictions::Judged& judged) {
  return judged.unknown.empty() && judged.loaded->compiled.policy != nullptr;
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

/// The stored policy changed by the members of `body`, as PUT would do. Credentials stay: the
/// record tells who had authenticated.
std::shared_ptr<const policy::WebhookPolicy> Replays::draft_policy(const Call& call,
                                                                   const std::string& id,
                                                                   const json::object& body) const {
  const auto row = unwrap(core_.deps.store.policy(call.caller.account_id, id));
  if (!row) throw invalid("draft.smtp_policies." + printable(id, 64), "there is no such policy");
  if (body.contains("smtp_credentials")) {
    throw invalid("draft.smtp_policies." + id + ".smtp_credentials",
                  "cannot be tried on recorded mail: no password is recorded");
  }
  const dialect::webhook::PolicyFields before = fields_of(*row);
  auto parsed = dialect::webhook::parse_policy(body, &before);
  if (!parsed) refuse(parsed.error());
  return dialect::webhook::compile(row->id, row->account_id, row->version, row->credentials_version,
                                   parsed->fields);
}

ReplayRequest Replays::read(const Call& call) const {
  BodyReader body(call.body);
  static constexpr std::array<std::string_view, 4> known = {"draft", "since", "limit", "samples"};
  body.refuse_unknown(known, {}, "replay");
  const json::value* draft = body.find("draft");
  if (draft == nullptr) throw missing("draft");
  if (!draft->is_object()) throw invalid("draft", "must be an object");
  static constexpr std::array<std::string_view, 2> drafts = {"connection_policies",
                                                             "smtp_policies"};
  BodyReader parts(draft->get_object());
  parts.refuse_unknown(drafts, {}, "draft");
  check(parts);
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

  if (const json::value* lists = parts.find("connection_policies")) {
    if (!lists->is_object()) throw invalid("draft.connection_policies", "must be an object");
    const std::string& hostname = core_.deps.lists->hostname();
    request.lists =
        judged(section_of(lists->get_object()), hostname, core_.deps.lists->file_rules());
    if (!can_decide(*request.lists->judged)) refuse_wrong(*request.lists, hostname);
  }
  if (const json::value* policies = parts.find("smtp_policies")) {
    if (!policies->is_object() || policies->get_object().size() > most_policies) {
      throw invalid("draft.smtp_policies",
                    "must be an object of at most 100 policies by their ids");
    }
    for (const auto& [id, fields] : policies->get_object()) {
      if (!fields.is_object()) throw invalid("draft.smtp_policies", "each policy must be an object");
      request.policies.push_back(draft_policy(call, id, fields.get_object()));
    }
  }
  return request;
}

net::HttpResponse Replays::start(const Call& call) const {
  Replayer& replays = replayer();
  refuse_while_stopping(core_);
  const Result<std::string> id = replays.start(read(call));
  if (!id && id.error().fault == Fault::temporary) throw unavailable(id.error().message);
  if (!id) throw conflict("replay_running", id.error().message);
  net::HttpResponse response =
      json_response(202, to_json(replays.state(*id).value_or(ReplayState{}), false));
  response.headers.emplace_back("Location", "/api/v1/replay/" + *id);
  return response;
}

net::HttpResponse Replays::list(const Call&) const {
  json::array data;
  for (const ReplayState& state : replayer().states()) data.push_back(to_json(state, false));
  const std::size_t total = data.size();
  return json_response(200, {{"data", std::move(data)}, {"total", total}});
}

ReplayState Replays::state_of(const Call& call) const {
  std::optional<ReplayState> state = replayer().state(call.ids[0]);
  if (!state) throw Refusal{404, "not_found", "there is no such replay", {}, {}};
  return std::move(*state);
}

net::HttpResponse Replays::show(const Call& call) const {
  return json_response(200, to_json(state_of(call), true));
}

net::HttpResponse Replays::stop(const Call& call) const {
  replayer().stop(state_of(call).id);
  return no_content();
}

}  // namespace postern::admin
