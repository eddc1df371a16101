#include "admin/drafts.h"

#include <array>
#include <atomic>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/connection_policies.h"
#include "admin/policies.h"
#include "admin/publisher.h"
#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/webhook/compile.h"

namespace postern::admin {

namespace {

namespace restrictions = dialect::restrictions;
namespace json = boost::json;
using dialect::webhook::BodyReader;

constexpr std::size_t most_policies = 100;

/// Unlike running lists, a draft may be an open relay: the answer shows what it would accept.
bool can_decide(const restrictions::Judged& judged) {
  return judged.unknown.empty() && judged.loaded->compiled.policy != nullptr;
}

/// Another one each time: two passwords cannot be compared.
Secret no_hash() {
  static std::atomic<std::uint64_t> count{0};
  return Secret(fmt::format("of a draft, {}", ++count));
}

}  // namespace

std::shared_ptr<const policy::WebhookPolicy> draft_policy(const store::PolicyRow& row,
                                                          const json::object& body,
                                                          std::string_view field,
                                                          DraftPasswords passwords) {
  if (passwords == DraftPasswords::refused && body.contains("smtp_credentials")) {
    throw invalid(std::string(field) + ".smtp_credentials",
                  "cannot be tried on recorded mail: no password is recorded");
  }
  const dialect::webhook::PolicyFields before = fields_of(row);
  auto parsed = dialect::webhook::parse_policy(body, &before);
  if (!parsed) refuse(parsed.error());
  for (const dialect::webhook::PasswordToHash& one : parsed->to_hash) {
    parsed->fields.smtp_credentials[one.at].hash = no_hash();
  }
  return dialect::webhook::compile(row.id, row.account_id, row.version, row.credentials_version,
                                   parsed->fields);
}

Draft read_draft(const Core& core, const Call& call, const json::object& given,
                 std::string_view field, DraftPasswords passwords) {
  static constexpr std::array<std::string_view, 2> known = {"connection_policies", "smtp_policies"};
  BodyReader parts(given);
  parts.refuse_unknown(known, {}, field);
  check(parts);
  Draft draft;
  if (const json::value* lists = parts.find("connection_policies")) {
    if (!lists->is_object()) {
      throw invalid(fmt::format("{}.connection_policies", field), "must be an object");
    }
    const std::string& hostname = core.deps.lists->hostname();
    restrictions::Section section = section_of(lists->get_object());
    draft.lists.emplace();
    // Without lists and parameters, no lists are in force.
    if (!section.parameters.empty()) {
      draft.lists = judged(std::move(section), hostname, core.deps.lists->file_rules());
      if (!can_decide(*draft.lists->judged)) refuse_wrong(*draft.lists, hostname);
    }
  }
  if (const json::value* policies = parts.find("smtp_policies")) {
    const std::string of_policies = fmt::format("{}.smtp_policies", field);
    if (!policies->is_object() || policies->get_object().size() > most_policies) {
      throw invalid(of_policies, "must be an object of at most 100 policies by their ids");
    }
    for (const auto& [id, fields] : policies->get_object()) {
      if (!fields.is_object()) throw invalid(of_policies, "each policy must be an object");
      const std::string one = fmt::format("{}.{}", of_policies, printable(id, 64));
      const auto row = unwrap(core.deps.store.policy(call.caller.account_id, id));
      if (!row) throw invalid(one, "there is no such policy");
      draft.policies.push_back(draft_policy(*row, fields.get_object(), one, passwords));
    }
  }
  return draft;
}

void add_webhooks(const Core& core, PlanRequest& request) {
  std::set<std::string> policies;
  for (const PlanSide* side : {&request.before, &request.after}) {
    for (const auto& policy : side->policies) policies.insert(policy->id);
  }
  for (const std::string& id : policies) {
    for (const store::WebhookRow& row :
         unwrap(core.deps.store.webhooks_of_policy(request.account_id, id))) {
      request.before.webhooks.push_back(to_webhook(row, Secret()));
    }
  }
  request.after.webhooks = request.before.webhooks;
}

}  // namespace postern::admin
