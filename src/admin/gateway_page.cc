#include "admin/gateway_page.h"

#include <boost/json.hpp>

#include "admin/digest.h"
#include "admin/ports.h"
#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint_report.h"
#include "web/assets.h"

namespace postern::admin {

namespace restrictions = dialect::restrictions;

namespace {

/// Keys of a `keyed` verdict shown on a page.
constexpr std::size_t most_keys = 20;

std::string_view word_of_verdict(restrictions::OpenRelay verdict) {
  switch (verdict) {
    case restrictions::OpenRelay::no:
      return "closed";
    case restrictions::OpenRelay::keyed:
      return "keyed";
    case restrictions::OpenRelay::yes:
      break;
  }
  return "open";
}

boost::json::object relay_of(const Lists& lists) {
  boost::json::object relay{
      {"verdict", "none"}, {"revision", lists.row.revision}, {"keys", boost::json::array()}};
  if (!lists.section || !lists.judged || !lists.judged->lint) return relay;
  const restrictions::LintReport& report = *lists.judged->lint;
  relay["verdict"] = word_of_verdict(report.open_relay);
  const auto& policy = lists.judged->loaded->compiled.policy;
  if (report.open_relay == restrictions::OpenRelay::keyed && policy)
    relay["keys"] = boost::json::value_from(relay_keys(*policy, report, most_keys));
  return relay;
}

}  // namespace

std::string openapi_for(std::string_view yaml, std::string_view public_url) {
  // The description has one server, as an example.
  constexpr std::string_view marker = "servers:\n- url: ";
  const std::size_t at = yaml.find(marker);
  std::string text(yaml);
  if (at == std::string_view::npos) return text;
  const std::size_t from = at + marker.size();
  // A JSON string is a valid YAML string, whatever the operator wrote.
  const std::string url =
      boost::json::serialize(boost::json::string(std::string(public_url) + "/api/v1"));
  return text.replace(from, text.find('\n', from) - from, url);
}

void GatewayPage::add_routes(Router& router) {
  router.add(*this, "GET", "/api/v1/gateway", Access::read, Body::none, &GatewayPage::show);
  router.add(*this, "GET", "/api/v1/openapi.yaml", Access::open, Body::none,
             &GatewayPage::description);
}

boost::json::object GatewayPage::relay() {
  const auto lists =
      core_.deps.lists == nullptr ? std::make_shared<const Lists>() : core_.deps.lists->current();
  const std::lock_guard lock(mutex_);
  if (core_.deps.lists == nullptr || judged_ != lists) {
    relay_ = relay_of(*lists);
    judged_ = lists;
  }
  return relay_;
}

Task<boost::json::value> GatewayPage::queue() {
  if (core_.deps.queue == nullptr) co_return nullptr;
  const auto states = co_await core_.deps.queue->destinations();
  if (!states) co_return nullptr;  // a slow queue must not fail the page
  std::uint64_t queued = 0, held = 0, dead = 0, quarantined = 0;
  for (const DestinationState& state : *states) {
    queued += state.queued;
    held += state.held;
    dead += state.dead;
    quarantined += state.quarantined;
  }
  co_return boost::json::object{
      {"queued", queued}, {"held", held}, {"dead", dead}, {"quarantined", quarantined}};
}

Task<net::HttpResponse> GatewayPage::show(Call& call) {
  boost::json::array listeners;
  if (core_.deps.smtp_listeners) {
    for (const SmtpListener& one : core_.deps.smtp_listeners())
      listeners.push_back(boost::json::object{{"address", one.address}, {"tls", one.tls}});
  }
  // The queue has everybody's mail, and the DNSSEC text names our name servers.
  boost::json::value waiting;
  boost::json::value dnssec;
  const bool operates = co_await authenticator_.operates_gateway(call.caller.account_id);
  if (operates) {
    waiting = co_await queue();
    if (core_.deps.dnssec) dnssec = core_.deps.dnssec();
  }
  boost::json::object relays = relay();
  // Whoever knows a key can send through the gateway.
  if (!operates) relays["keys"] = boost::json::array();
  co_return json_response(200, {{"version", core_.options.version},
                                {"hostname", core_.options.hostname},
                                {"public_domain", core_.options.public_domain},
                                {"public_url", core_.options.public_url},
                                {"smtp", std::move(listeners)},
                                {"signup", core_.options.open_signup ? "open" : "closed"},
                                {"has_queue", core_.options.has_queue},
                                {"dnssec", std::move(dnssec)},
                                {"relay", std::move(relays)},
                                {"queue", std::move(waiting)}});
}

Task<net::HttpResponse> GatewayPage::description(Call& call) {
  const web::Asset* asset = web::find_asset("openapi.yaml");
  if (asset == nullptr) throw not_found();
  net::HttpResponse response;
  response.body = openapi_for(asset->octets, core_.options.public_url);
  response.content_type = "application/yaml";  // RFC 9512 §2.1
  const std::string tag = "\"" + hex_encode(sha256(response.body)).substr(0, 32) + "\"";
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  // A matching tag means that the client has this version (RFC 9110 §13.1.2).
  if (const auto known = call.request.header("if-none-match");
      known && (known->find(tag) != std::string_view::npos || trim(*known) == "*")) {
    response.status = 304;
    response.body.clear();
  }
  co_return response;
}

}  // namespace postern::admin
