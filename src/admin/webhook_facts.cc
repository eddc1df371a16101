#include "admin/webhook_facts.h"

#include <map>

#include <boost/json.hpp>

#include "admin/json_value.h"
#include "store/store.h"

namespace postern::admin {

namespace json = boost::json;

namespace {

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : std::string();
}

using Names = std::map<std::string, std::string>;

Task<Names> policy_names(Core& core, std::string account, const json::array& webhooks) {
  Names names;
  for (const json::value& one : webhooks) {
    const std::string id = text_of(one.at("smtp_security_policy_id"));
    if (!id.empty()) names.emplace(id, "");
  }
  net::Turn turn{.account = account, .client = {}};
  auto look = [&store = core.deps.store, account = std::move(account),
               names]() mutable -> Result<Names> {
    for (auto& [id, name] : names) {
      const auto row = store.policy(account, id);
      if (!row) return tl::unexpected(row.error());
      if (*row) name = (*row)->name;
    }
    return names;
  };
  co_return co_await core.disk(std::move(turn), std::move(look));
}

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

Task<void> add_facts(Core& core, const std::string& account, json::array& webhooks) {
  std::vector<std::string> ids;
  for (const json::value& one : webhooks) ids.push_back(text_of(one.at("id")));
  const Names names = co_await policy_names(core, account, webhooks);
  auto read = [&log = core.deps.delivery_log, ids] { return log.last_deliveries(ids); };
  const std::vector<std::optional<store::LogRecord>> last =
      co_await core.disk({.account = account, .client = {}}, std::move(read));
  std::vector<store::DayCounts> counts(ids.size());
  if (core.deps.traces != nullptr) {
    Result<std::vector<store::DayCounts>> found =
        co_await core.deps.traces->day_counts(account, ids);
    if (!found) throw storage_trouble(found.error());
    counts = std::move(*found);
  }
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    json::object& one = webhooks[i].as_object();
    const auto name = names.find(text_of(one.at("smtp_security_policy_id")));
    one["policy_name"] = name == names.end() ? json::value(nullptr) : json::value(name->second);
    json::object day = counts_json(counts[i]);
    json::array hours;
    for (const store::HourCounts& hour : counts[i].hours) hours.push_back(counts_json(hour));
    day["hours"] = std::move(hours);
    one["counts_24h"] = std::move(day);
    one["last_delivery"] = delivery_json(last[i]);
  }
}

}  // namespace postern::admin
