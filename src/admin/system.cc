#include "admin/system.h"

#include <boost/json.hpp>

#include "admin/ports.h"
#include "base/text.h"

namespace postern::admin {

void System::add_routes(Router& router) {
  router.add(*this, "GET", "/api/v1/ping", Access::open, Body::none, &System::ping);
  router.add(*this, "GET", "/healthz", Access::open, Body::none, &System::health);
  router.add(*this, "GET", "/readyz", Access::open, Body::none, &System::ready);
  router.add(*this, "GET", "/metrics", Access::open, Body::none, &System::metrics);
}

Task<net::HttpResponse> System::ping(Call&) { co_return json_response(200, {{"status", "ok"}}); }

/// Only shows that the process responds: a check of the disk could get a slow gateway restarted.
Task<net::HttpResponse> System::health(Call&) { co_return json_response(200, {{"status", "ok"}}); }

Task<net::HttpResponse> System::ready(Call&) {
  if (core_.deps.readiness == nullptr) throw unavailable("this server does not report readiness");
  const std::vector<std::pair<std::string, std::string>> problems =
      co_await core_.deps.readiness->problems();
  if (problems.empty()) co_return json_response(200, {{"status", "ready"}});
  boost::json::object named;
  for (const auto& [word, sentence] : problems) named[word] = sentence;
  co_return json_response(503, {{"status", "not ready"}, {"problems", std::move(named)}});
}

Task<net::HttpResponse> System::metrics(Call& call) {
  const auto header = call.request.header("authorization");
  const bool bearer = header && istarts_with(*header, "Bearer ");
  const Secret& token = core_.options.metrics_token;
  if (!bearer || token.empty() || !token.equals(trim(header->substr(7)))) {
    throw unauthorized("metrics need the server's metrics token");
  }
  if (core_.deps.metrics == nullptr) throw not_found();
  net::HttpResponse response;
  response.body = co_await core_.deps.metrics->text();
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

}  // namespace postern::admin
