#include "serve/plan_desk.h"

#include <algorithm>
#include <set>

#include <boost/json.hpp>

#include "base/text.h"
#include "config/room_options.h"
#include "replay/run.h"
#include "serve/edited_webhooks.h"
#include "serve/stored_policies.h"

namespace postern::app {

namespace {

namespace json = boost::json;

/// What of an answer is the operator's alone: where his rules stand, his guardrails, his lists.
void hide_from_tenants(const Guardrails* sentences, const std::vector<plan::GuardResult>& results,
                       json::object& answer) {
  for (json::value& witness : answer["witnesses"].as_array()) {
    witness.as_object()["answers"] = json::array();
    for (const std::string_view side : {"old", "new"}) {
      json::object& one = witness.as_object()[side].as_object();
      if (one.contains("route") && one["route"] != "webhook") one.erase("next_hop");
      one.erase("quarantine");
      if (one["layer"] == "webhook") continue;
      for (const char* key : {"rule", "at", "place"}) one[key] = nullptr;
      one.erase("row");
    }
  }
  json::array guardrails;
  for (std::size_t at = 0; at < answer["guardrails"].as_array().size(); ++at) {
    json::object one = answer["guardrails"].as_array()[at].as_object();
    if (!sentences->sentences[at].is_public) one["name"] = nullptr;
    one.erase("text");  // may name tables of the operator
    if (one.contains("witness")) one["witness"] = plan::witness_for_all(results[at]);
    guardrails.push_back(std::move(one));
  }
  answer["guardrails"] = std::move(guardrails);
  answer["lint"] = json::object{{"open_relay", nullptr}};
  answer["versions"] = json::object{{"old", nullptr}, {"new", nullptr}};
}

std::vector<std::string> addresses_of(const plan::Webhooks& webhooks) {
  std::vector<std::string> addresses;
  for (const auto& webhook : webhooks) addresses.push_back(webhook->address);
  return addresses;
}

}  // namespace

/// `now`: what runs. With the lists, policies and webhooks of this side.
Result<plan::Edition> PlanDesk::edition_of(plan::Edition now, const admin::PlanSide& side,
                                           const admin::PlanRequest& request) const {
  plan::Edition edition = std::move(now);
  if (side.lists) edition.config.restrictions = restrictions_of(*side.lists);
  if (request.before.webhooks.empty() && request.after.webhooks.empty()) {
    // Not owned: it is the gateway's, which outlives a plan.
    edition.directory = {std::shared_ptr<const void>(), &directory_};
    if (edition.config.guardrails == nullptr || !side.policies.empty()) return edition;
    auto stored = stored_policies(store_, edition.config.webhooks.public_domain);
    if (!stored) return tl::unexpected(stored.error());
    edition.directory = std::move(stored->directory);
    edition.webhooks = std::move(stored->webhooks);
    return edition;
  }
  const admin::Guards::WebhookEdit edit{.webhooks = request.after.webhooks,
                                        .policy = {},
                                        .removed = addresses_of(request.before.webhooks)};
  const OtherWebhooks others(directory_, edit);
  std::set<std::string> domains{edition.config.webhooks.public_domain};
  plan::Webhooks webhooks = side.webhooks;
  std::set<std::string> heirs;
  for (const plan::Webhooks* list : {&request.before.webhooks, &request.after.webhooks}) {
    for (const auto& webhook : *list) {
      domains.insert(domain_of(webhook->address));
      const auto address = mail::parse_mailbox(webhook->address, mail::Utf8::allowed);
      if (!address) continue;
      // Where the address is on one side only, mail for it is another's on the other side.
      const auto heir = others.owner(*address);
      const bool is_shown = heir && (request.operates || heir->account_id == request.account_id);
      if (is_shown && heirs.insert(heir->id).second) webhooks.push_back(heir);
    }
  }
  for (const auto& webhook : side.webhooks) edition.compared.insert(lower(webhook->address));
  auto directory = directory_of(store_, std::move(domains), webhooks, side.policies);
  if (!directory) return tl::unexpected(directory.error());
  edition.webhooks = side.webhooks;
  edition.directory = *directory;
  edition.scope = others.scope_of(false, {}, edition.directory);
  return edition;
}

Result<PlanDesk::Judged> PlanDesk::judge(const admin::PlanRequest& request,
                                         const plan::EditOptions& options) const {
  plan::Edition now{.name = "old", .file = "the lists", .config = deciding_(), .text = {}};
  const auto before = edition_of(now, request.before, request);
  if (!before) return tl::unexpected(before.error());
  now.name = "new";
  auto after = edition_of(std::move(now), request.after, request);
  if (!after) return tl::unexpected(after.error());
  Judged judged{.report = plan::judge_edit(*before, *after, options), .guardrails = {}};
  judged.guardrails = after->config.guardrails;
  return judged;
}

json::value PlanDesk::brief(const admin::PlanRequest& request) {
  const auto began = std::chrono::steady_clock::now();
  plan::EditOptions options;
  options.compare.time = plan::time_of_an_edit;
  options.compare.through_lists = request.operates;
  options.guardrails = false;  // GuardrailDesk has proved them
  const auto judged = judge(request, options);
  if (!judged || std::chrono::steady_clock::now() - began > plan::time_of_an_edit) return nullptr;
  json::object answer = plan::report_json(judged->report);
  json::object webhooks;
  for (const auto& [address, one] : answer["webhooks"].as_object()) {
    constexpr std::size_t most = 20;
    const json::value& word = one.at("answer");
    if (word != "same" && webhooks.size() < most) webhooks[address] = word;
  }
  return json::object{{"answer", answer["answer"]},
                      {"groups", answer["groups"]},
                      {"winding", answer["winding"]},
                      {"handling", answer["handling"]},
                      {"webhooks", std::move(webhooks)}};
}

Task<Result<json::object>> PlanDesk::plan(admin::PlanRequest request) {
  const net::Turn turn{.account = request.account_id, .client = {}};
  auto work = [this, request = std::move(request)]() -> Result<json::object> {
    replay::let_mail_go_first();
    plan::EditOptions options;
    const bool of_lists = request.before.lists || request.after.lists;
    options.guards.each = std::nullopt;
    options.guards.time = of_lists ? plan::time_of_a_list_edit : plan::time_of_an_edit;
    options.compare.routes = request.routes;
    options.compare.through_lists = request.operates;
    const auto judged = judge(request, options);
    if (!judged) return tl::unexpected(judged.error());
    json::object answer = plan::report_json(judged->report);
    if (!request.operates) {
      hide_from_tenants(judged->guardrails.get(), judged->report.guardrails, answer);
    }
    return answer;
  };
  auto ran = co_await pool_.run(turn, std::move(work));
  if (!ran) co_return tl::unexpected(ran.error());
  co_return std::move(*ran);
}

}  // namespace postern::app
