#include "admin/traces.h"

#include <algorithm>
#include <array>
#include <map>

#include <boost/json.hpp>

#include "admin/log_json.h"
#include "admin/ports.h"
#include "admin/reason_words.h"
#include "base/text.h"
#include "base/ulid.h"
#include "store/store.h"

namespace postern::admin {
namespace {

namespace json = boost::json;
using std::chrono::minutes;

/// Step sizes of statistics. A response has a limited number of buckets.
constexpr std::array<std::pair<std::string_view, minutes>, 5> steps = {{{"5m", minutes(5)},
                                                                        {"30m", minutes(30)},
                                                                        {"1h", minutes(60)},
                                                                        {"6h", minutes(360)},
                                                                        {"1d", minutes(1440)}}};
constexpr std::int64_t most_buckets = 200;
constexpr std::size_t most_reasons = 20;

std::optional<std::string> outcome_of(const Call& call) {
  const auto outcome = call.request.parameter("outcome");
  if (!outcome) return std::nullopt;
  constexpr std::array<std::string_view, 4> known = {"accepted", "rejected", "deferred", "aborted"};
  if (std::find(known.begin(), known.end(), *outcome) == known.end()) {
    throw invalid("outcome", "must be accepted, rejected, deferred or aborted");
  }
  return std::string(*outcome);
}

store::Time time_parameter(const Call& call, std::string_view name, store::Time otherwise) {
  const auto text = call.request.parameter(name);
  if (!text) return otherwise;
  const std::optional<store::Time> time = from_rfc3339(*text);
  if (!time) throw invalid(std::string(name), "is not a time like 2026-11-20T14:00:00Z");
  return *time;
}

minutes step_of(const Call& call, store::Time::duration range) {
  if (const auto word = call.request.parameter("step")) {
    const auto found = std::find_if(steps.begin(), steps.end(),
                                    [&](const auto& one) { return one.first == *word; });
    if (found == steps.end()) throw invalid("step", "must be one of 5m, 30m, 1h, 6h, 1d");
    return found->second;
  }
  for (const auto& [word, size] : steps) {
    if (range / size <= 50) return size;
  }
  return steps.back().second;
}

struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t deferred = 0;
  void add(const store::TallyRow& row) {
    (row.outcome == "accepted"   ? accepted
     : row.outcome == "rejected" ? refused
                                 : deferred) += row.n;
  }
  json::object to_json() const {
    return {{"accepted", accepted}, {"refused", refused}, {"deferred", deferred}};
  }
};

/// The search word that finds a rule; scripts choose arbitrary names.
std::string rule_word(std::string_view name) {
  const std::string begin(name.substr(0, name.find('"')));
  if (begin.empty()) return begin;
  return begin.find(' ') == std::string::npos ? "rule:" + begin : "rule:\"" + begin + '"';
}

struct Reason {
  const store::TallyRow* row;  ///< the newest code of it
  std::string words;
  std::uint64_t n = 0;
  bool one_reply = true;
};

json::object reason_json(const Reason& reason) {
  const store::TallyRow& row = *reason.row;
  const std::string code = row.code == 0 ? "" : std::to_string(row.code);
  const std::string reply = row.enhanced.empty() ? code : code + " " + row.enhanced;
  std::string query = rule_word(row.rule);
  if (!reply.empty() && reason.one_reply)
    query += (query.empty() ? "" : " ") + std::string("reply:\"") + reply + "\"";
  return {{"outcome", row.outcome == "rejected" ? "refused" : "deferred"},
          {"code", row.code},
          {"enhanced", row.enhanced},
          {"layer", row.layer},
          {"rule", row.rule},
          {"text", !row.rule.empty() ? reason.words
                   : reply.empty()   ? "other reasons"
                                     : reply},
          {"count", reason.n},
          {"query", query}};
}

/// Rules with the same description are one reason, whatever the reply. A rule whose description
/// depends on the reply is several reasons, so that each links to its own traces.
json::array reasons_json(const std::vector<store::TallyRow>& rows) {
  std::map<std::tuple<std::string, std::string, std::string, std::string>, Reason> by_reason;
  for (const store::TallyRow& row : rows) {
    if (row.outcome == "accepted") continue;
    std::string words(reason_words(row.layer, row.rule, row.enhanced));
    const bool by_reply = row.rule.empty() || row.rule == "recipient_known";
    const std::string reply = by_reply ? std::to_string(row.code) + row.enhanced : "";
    Reason& one = by_reason[{row.outcome, row.layer, row.rule, reply}];
    if (one.n != 0 && (one.row->code != row.code || one.row->enhanced != row.enhanced))
      one.one_reply = false;
    one.row = &row;
    one.words = std::move(words);
    one.n += row.n;
  }
  std::vector<Reason> sorted;
  for (auto& [key, one] : by_reason) sorted.push_back(std::move(one));
  std::sort(sorted.begin(), sorted.end(),
            [](const Reason& a, const Reason& b) { return a.n > b.n; });
  json::array out;
  for (const Reason& reason : sorted) {
    if (out.size() == most_reasons) break;
    out.push_back(reason_json(reason));
  }
  return out;
}

json::array buckets_json(const std::vector<store::TallyRow>& rows, store::Time from,
                         store::Time until, minutes step) {
  std::vector<Totals> buckets(
      static_cast<std::size_t>((until - from + step - std::chrono::milliseconds(1)) / step));
  for (const store::TallyRow& row : rows) {
    const auto at = (std::max(row.at, from) - from) / step;
    if (static_cast<std::size_t>(at) < buckets.size())
      buckets[static_cast<std::size_t>(at)].add(row);
  }
  json::array out;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    json::object one = buckets[i].to_json();
    one["at"] = to_rfc3339(from + step * static_cast<std::int64_t>(i));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

store::TraceWords words_of(const Call& call) {
  Result<store::TraceWords> words =
      store::parse_trace_words(call.request.parameter("q").value_or(std::string_view()));
  if (!words) throw invalid("q", words.error().message);
  return std::move(*words);
}

void Traces::add_routes(Router& router) {
  const auto add = [&](std::string_view path, auto member) {
    router.add(*this, "GET", path, Access::read, Body::none, member);
  };
  add("/api/v1/traces", &Traces::list);
  add("/api/v1/traces/{id}", &Traces::show);
  add("/api/v1/stats", &Traces::stats);
}

TraceReader& Traces::reader() const {
  if (core_.deps.traces == nullptr) throw unavailable("traces are not available on this server");
  return *core_.deps.traces;
}

Task<std::optional<std::string>> Traces::scope(const Call& call) {
  if (const auto webhook = call.request.parameter("webhook_id")) {
    auto look = [&store = core_.deps.store, account = call.caller.account_id,
                 id = std::string(*webhook)] { return found(store.webhook(account, id)); };
    co_await core_.disk(call, std::move(look));
    co_return call.caller.account_id;
  }
  const bool operates = co_await authenticator_.operates_gateway(call.caller.account_id);
  if (operates) co_return std::nullopt;
  co_return call.caller.account_id;
}

Task<net::HttpResponse> Traces::list(Call& call) {
  const bool by_page = call.request.parameter("page") || call.request.parameter("page_size");
  if (by_page) {
    const PageQuery query = page_of(call);
    TraceQuery wanted{
        .account_id = call.caller.account_id, .webhook_id = {}, .outcome = outcome_of(call)};
    wanted.offset = query.as_page().offset;
    wanted.limit = query.page_size;
    if (const auto webhook = call.request.parameter("webhook_id"))
      wanted.webhook_id = std::string(*webhook);
    net::HttpResponse response = co_await page(call, std::move(wanted));
    co_return response;
  }
  constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
  store::TraceSearch search{.account_id = {}, .webhook_id = {}, .outcome = outcome_of(call)};
  search.before = number_parameter(call, "cursor", 1, last).value_or(0);
  search.limit = number_parameter(call, "limit", 1, 200).value_or(50);
  store::TraceWords words = words_of(call);
  search.account_id = co_await scope(call);
  if (const auto webhook = call.request.parameter("webhook_id"))
    search.webhook_id = std::string(*webhook);
  const auto found = co_await reader().search(std::move(search), std::move(words));
  if (!found) throw storage_trouble(found.error());
  json::array data;
  for (const store::TraceRow& row : found->rows) data.push_back(summary_json(row));
  co_await name_webhooks(data, call.caller.account_id);
  co_return json_response(
      200, {{"data", std::move(data)},
            {"next", found->next != 0 ? json::value(std::to_string(found->next)) : nullptr},
            {"complete", found->complete},
            {"searched_to", to_json(found->searched_to)},
            {"oldest_at", to_json(found->oldest)}});
}

Task<net::HttpResponse> Traces::page(Call& call, TraceQuery wanted) {
  const PageQuery query = page_of(call);
  Result<TraceList> list = co_await reader().list(std::move(wanted));
  if (!list) throw storage_trouble(list.error());
  json::array data;
  for (json::object& one : list->traces) data.push_back(std::move(one));
  co_await name_webhooks(data, call.caller.account_id);
  co_return paged(std::move(data), query, list->total);
}

/// Adds the names of the caller's webhooks; those of other accounts stay null.
Task<void> Traces::name_webhooks(json::array& data, const std::string& account) {
  std::map<std::string, std::string> names;
  for (const json::value& one : data) {
    const json::value* id = one.as_object().if_contains("webhook_id");
    if (id != nullptr && id->is_string()) names.emplace(id->as_string(), "");
  }
  auto look = [&store = core_.deps.store, account, names] {
    std::map<std::string, std::string> known;
    for (const auto& [id, unknown] : names) {
      const auto row = unwrap(store.webhook(account, id));
      if (row) known.emplace(id, row->name.empty() ? row->address : row->name);
    }
    return known;
  };
  names = co_await core_.disk({.account = account, .client = {}}, std::move(look));
  for (json::value& one : data) {
    const json::value* id = one.as_object().if_contains("webhook_id");
    if (id == nullptr || !id->is_string()) continue;  // a hidden recipient has none
    const auto name = names.find(std::string(id->as_string()));
    if (name != names.end()) one.as_object()["webhook_name"] = name->second;
  }
}

Task<net::HttpResponse> Traces::show(Call& call) {
  const std::string& id = call.ids[0];
  if (!is_ulid(id)) throw not_found();
  const auto view = call.request.parameter("view").value_or("record");
  if (view != "record" && view != "story") throw invalid("view", "must be record or story");
  const std::optional<std::string> account = co_await scope(call);
  const bool story = view == "story";
  Result<std::optional<json::object>> found = fail(Fault::bug, "");
  if (story) {
    found = co_await reader().story(account, id);
  } else {
    found = co_await reader().find(account, id);
  }
  if (!found) throw storage_trouble(found.error());
  if (!*found) throw not_found();
  if (!story) co_return json_response(200, **found);
  json::object& out = **found;
  json::array hooks;
  for (const json::value& one : out.at("recipients").as_array()) hooks.push_back(one);
  co_await name_webhooks(hooks, call.caller.account_id);
  out["recipients"] = std::move(hooks);
  auto read = [&deps = core_.deps, id, account] {
    json::array own;
    for (const store::LogRecord& record : unwrap(deps.delivery_log.of_trace(id))) {
      // A transaction may have used webhooks of several accounts.
      if (!account || unwrap(deps.store.webhook(*account, record.webhook_id)))
        own.push_back(log_json(record));
    }
    return own;
  };
  json::array deliveries = co_await core_.disk(call, std::move(read));
  out["deliveries"] = std::move(deliveries);
  co_return json_response(200, out);
}

Task<net::HttpResponse> Traces::stats(Call& call) {
  store::Time until = time_parameter(call, "until", call.now);
  store::Time from = time_parameter(call, "from", until - std::chrono::hours(24));
  if (from >= until) throw invalid("from", "is not before until");
  const minutes step = step_of(call, until - from);
  // Buckets begin at multiples of the step, so that a chart keeps its shape over time.
  from = store::Time(std::chrono::floor<std::chrono::milliseconds>(from.time_since_epoch()) / step *
                     step);
  if ((until - from) / step >= most_buckets)
    throw invalid("step", "gives more than 200 buckets; choose a longer one");
  store::TallyQuery query{
      .account_id = co_await scope(call), .webhook_id = {}, .from = from, .until = until};
  if (const auto webhook = call.request.parameter("webhook_id"))
    query.webhook_id = std::string(*webhook);
  const auto rows = co_await reader().tallies(std::move(query));
  if (!rows) throw storage_trouble(rows.error());
  Totals totals;
  for (const store::TallyRow& row : *rows) totals.add(row);
  co_return json_response(200, {{"from", to_rfc3339(from)},
                                {"until", to_rfc3339(until)},
                                {"step_seconds", std::chrono::seconds(step).count()},
                                {"buckets", buckets_json(*rows, from, until, step)},
                                {"totals", totals.to_json()},
                                {"reasons", reasons_json(*rows)}});
}

}  // namespace postern::admin
