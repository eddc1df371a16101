#include "admin/webhook_facts.h"

#include <map>

#include <boost/json.hpp>

#include "admin/json_value.h"
#include "admin/ports.h"
#include "store/delivery_log.h"
#include "store/store.h"
#include "store/traces.h"

namespace postern::admin {

namespace json = boost::json;

namespace {

std::string text_or_empty(const json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : std::string();
}

/// What the disk knows of webhooks.
struct Stored {
  std::map<std::string, std::string> policy_names;      ///< by id
  std::vector<std::optional<store::LogRecord>> last{};  ///< in the order of the webhooks
};

json::object counts_json(const store::HourCounts& counts) {
  return {
      {"accepted", counts.accepted}, {"refused", counts.refused}, {"deferred", counts.deferred}};
}

json::value delivery_json(const std::optional<store::LogRecord>& record) {
  if (!record) return nullptr;
  const bool worked = record->outcome() == store::LogOutcome::success;
  return json::object{{"at", to_rfc3339(record->created_at)},
                      {"outcome", worked ? "success" : "failure"},
                      {"http_status", or_null(record->http_status)}};
}

}  // namespace

Task<void> add_facts(Core& core, const Call& call, json::array& webhooks) {
  const std::string& account = call.caller.account_id;
  std::vector<std::string> ids;
  Stored stored;
  for (const json::value& one : webhooks) {
    ids.push_back(text_or_empty(one.at("id")));
    const std::string policy = text_or_empty(one.at("smtp_security_policy_id"));
    if (!policy.empty()) stored.policy_names.emplace(policy, "");
  }
  auto read = [&deps = core.deps, account, ids, stored = std::move(stored)]() mutable {
    for (auto& [id, name] : stored.policy_names) {
      if (const auto row = unwrap(deps.store.policy(account, id))) name = row->name;
    }
    stored.last = unwrap(deps.delivery_log.last_deliveries(ids));
    return std::move(stored);
  };
  stored = co_await core.disk(call, std::move(read));
  std::vector<store::DayCounts> counts(ids.size());
  if (core.deps.traces != nullptr) {
    Result<std::vector<store::DayCounts>> days =
        co_await core.deps.traces->day_counts(account, ids);
    counts = unwrap(std::move(days));
  }
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    json::object& one = webhooks[i].as_object();
    const auto name = stored.policy_names.find(text_or_empty(one.at("smtp_security_policy_id")));
    one["policy_name"] =
        name == stored.policy_names.end() ? json::value(nullptr) : json::value(name->second);
    json::object day = counts_json(counts[i]);
    json::array hours;
    for (const store::HourCounts& hour : counts[i].hours) hours.push_back(counts_json(hour));
    day["hours"] = std::move(hours);
    one["counts_24h"] = std::move(day);
    one["last_delivery"] = delivery_json(stored.last[i]);
  }
}

}  // namespace postern::admin
