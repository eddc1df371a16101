#include "admin/trace_rerun.h"

#include <boost/json.hpp>

#include "admin/place.h"
#include "admin/ports.h"
#include "admin/trace_json.h"
#include "base/ulid.h"

namespace postern::admin {
namespace {

namespace json = boost::json;

json::array array_of(const std::vector<std::string>& sentences) {
  return json::array(sentences.begin(), sentences.end());
}

}  // namespace

void TraceReruns::add_routes(Router& router) {
  // Nothing changes, so any role may call it; but it uses DNS, so another site's page may not.
  router.add({"POST", "/api/v1/traces/{id}/run-again", Access::own, Body::none,
              router.handler(*this, &TraceReruns::run_again)});
}

Task<net::HttpResponse> TraceReruns::run_again(Call& call) {
  if (core_.deps.trace_rerun == nullptr)
    throw unavailable("this server cannot decide traces again");
  if (!is_ulid(call.ids[0])) throw not_found();
  refuse_while_stopping(core_);
  const std::string& account = call.caller.account_id;
  const Place place(mutex_, running_, account);
  if (!place.taken()) throw rate_limited(1, "traces are being decided again");
  const bool operates = co_await authenticator_.operates_gateway(account);
  auto result = co_await core_.deps.trace_rerun->run(
      operates ? std::nullopt : std::optional(account), call.ids[0]);
  if (!result) throw storage_trouble(result.error());
  if (!*result) throw not_found();
  const TraceRerunResult& found = **result;
  co_return json_response(200, {{"same", found.same},
                                {"changes", array_of(found.changes)},
                                {"then", summary_json(found.then)},
                                {"now", summary_json(found.now)},
                                {"cannot_tell", array_of(found.cannot_tell)},
                                {"script_log", array_of(found.script_log)}});
}

}  // namespace postern::admin
