#include "admin/api.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "admin/account_history.h"
#include "admin/accounts.h"
#include "admin/api_tokens.h"
#include "admin/authenticator.h"
#include "admin/command_desk.h"
#include "admin/connection_policies.h"
#include "admin/deliveries.h"
#include "admin/digest.h"
#include "admin/dkim_keys.h"
#include "admin/domains.h"
#include "admin/gateway_page.h"
#include "admin/json_body.h"
#include "admin/links.h"
#include "admin/pages.h"
#include "admin/people.h"
#include "admin/plans.h"
#include "admin/policies.h"
#include "admin/queue.h"
#include "admin/replays.h"
#include "admin/sessions.h"
#include "admin/system.h"
#include "admin/test_mails.h"
#include "admin/trace_rerun.h"
#include "admin/trace_stream.h"
#include "admin/traces.h"
#include "admin/webhooks.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "net/counted.h"
#include "net/forwarded.h"
#include "store/store.h"
#include "telemetry/log.h"

namespace postern::admin {
namespace {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;

/// How long an answer waits until all gateways of a cluster have its edit.
constexpr std::chrono::seconds edit_wait{1};
constexpr std::chrono::milliseconds look_again{10};

bool is_json(std::string_view content_type) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

/// Checks Accept (RFC 9110 §12.5.1) as far as needed for a single representation.
bool accepts_json(std::string_view accept) {
  for (const std::string_view element : split(accept, ',')) {
    const std::vector<std::string_view> parts = split(element, ';');
    const std::string_view range = trim(parts[0]);
    if (!iequals(range, "application/json") && !iequals(range, "application/*") && range != "*/*")
      continue;
    bool refused = false;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::string_view parameter = trim(parts[i]);
      refused = refused || parameter == "q=0" || parameter == "q=0.0" || parameter == "q=0.00" ||
                parameter == "q=0.000";
    }
    if (!refused) return true;
  }
  return false;
}

/// The method as a metrics label: a closed set, whatever the client sent.
std::string_view method_label(std::string_view method) {
  for (const std::string_view known : {"GET", "POST", "PUT", "DELETE"}) {
    if (method == known) return known;
  }
  return "other";
}

bool is_api(const net::HttpRequest& request) {
  return request.segments.size() > 1 && request.segments[0] == "api";
}

bool stays(const Route& route, const Call& call) {
  if (route.stays != Stays::by_wait) return route.stays == Stays::always;
  return call.request.parameter("wait").value_or("0") != "0";
}

/// The response or the exception of a handler. An exception thrown among parallel waits would be
/// ignored until all end.
struct Attempt {
  std::optional<net::HttpResponse> response;
  std::exception_ptr thrown;
};

Task<Attempt> attempt(const Route& route, Call& call) {
  Attempt made;
  try {
    made.response = co_await route.handler(call);
  } catch (...) {
    made.thrown = std::current_exception();
  }
  co_return made;
}

Task<void> client_gone(const net::HttpRequest& request) {
  if (request.gone) {
    co_await request.gone();
    co_return;
  }
  asio::steady_timer never(co_await asio::this_coro::executor,
                           asio::steady_timer::time_point::max());
  boost::system::error_code ignored;
  co_await never.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

using Piece = Result<std::string>;

Task<Piece> next_piece_of(std::shared_ptr<net::HttpResponse::Stream> stream) {
  try {
    Piece piece = co_await stream->next();
    co_return piece;
  } catch (...) {  // also a Refusal: it is too late for an error response
    co_return fail(Fault::bug, "the body ended in an exception");
  }
}

/// Whether a body is a tail, which may end anywhere, or a document that is complete or broken off.
enum class Ends { anywhere, whole };

/// The next piece of the stream, as long as its reader has access.
Task<Piece> guarded_piece(std::shared_ptr<net::HttpResponse::Stream> stream, Ends ends,
                          std::shared_ptr<Guest> guest, Authenticator& authenticator) {
  if (!guest->over) {
    auto came = co_await (next_piece_of(stream) || authenticator.end_of_access(*guest));
    Piece* piece = std::get_if<Piece>(&came);
    std::optional<Refusal> refusal;
    if (piece != nullptr && !guest->is_settled()) {
      refusal = co_await authenticator.judge_again(*guest);
    }
    if (piece != nullptr && !refusal) co_return std::move(*piece);
    guest->over = true;
  }
  // A tail just ends: its reader connects again and gets the refusal.
  if (ends == Ends::anywhere) co_return std::string();
  co_return fail(Fault::denied, "the reader's access has ended");
}

void read_body(Call& call, Body wanted) {
  if (wanted == Body::none) return;
  // Endpoints use the parsed body, and copies of the call need not have both.
  const std::string text = std::exchange(call.request.body, {});
  const auto type = call.request.header("content-type");
  if (wanted == Body::optional_json && text.empty()) return;
  if (!type ? !text.empty() : !is_json(*type)) {
    throw Refusal{415, "unsupported_media_type", "the body must be application/json", {}, {}};
  }
  Result<boost::json::object> parsed = parse_json_object(text);
  if (!parsed) throw Refusal{400, "invalid_json", parsed.error().message, {}, {}};
  call.body = std::move(*parsed);
}

/// A parameter that is passed over may have been meant to change nothing.
void refuse_unknown_parameters(const Call& call, const Route& route) {
  for (const auto& [name, value] : call.request.query) {
    if (std::ranges::find(route.query, name) != route.query.end()) continue;
    throw invalid(printable(name, 64), "is no parameter of this call, and nothing was changed");
  }
}

}  // namespace

struct AdminApi::Parts {
  Parts(const Dependencies& dependencies, const Options& options, TokenKeys keys, Secret csrf_key)
      : core(dependencies, options, std::move(keys), std::move(csrf_key)),
        authenticator(core),
        router(core),
        sessions(core, authenticator),
        accounts(core, authenticator, sessions),
        account_history(core),
        people(core),
        links(core),
        api_tokens(core),
        policies(core),
        connection_policies(core),
        replays(core),
        plans(core, authenticator),
        queue(core),
        command_desk(core),
        webhooks(core),
        domains(core),
        dkim_keys(core),
        deliveries(core),
        traces(core, authenticator),
        trace_stream(core, authenticator),
        trace_reruns(core, authenticator),
        test_mails(core),
        system(core),
        gateway_page(core, authenticator),
        pages(authenticator) {
    system.add_routes(router);
    gateway_page.add_routes(router);
    sessions.add_routes(router);
    accounts.add_routes(router);
    account_history.add_routes(router);
    people.add_routes(router);
    links.add_routes(router);
    api_tokens.add_routes(router);
    policies.add_routes(router);
    connection_policies.add_routes(router);
    replays.add_routes(router);
    plans.add_routes(router);
    queue.add_routes(router);
    command_desk.add_routes(router);
    webhooks.add_routes(router);
    domains.add_routes(router);
    dkim_keys.add_routes(router);
    trace_stream.add_routes(router);
    trace_reruns.add_routes(router);
    deliveries.add_routes(router);
    traces.add_routes(router);
    test_mails.add_routes(router);
    pages.add_routes(router);
  }

  Call call_of(net::HttpRequest request) const;
  /// Finds the route and admits the caller. Throws 404, 405, 401 or 403; the call counts even so.
  Task<const Route*> admit(Call& call, const Router::Match& match);
  Task<net::HttpResponse> dispatch(Call& call, const Router::Match& match);
  Task<net::HttpResponse> answer(Call& call, const Router::Match& match);
  Task<void> wait_for_the_others(net::HttpResponse& response);
  /// Runs a handler that waits for something to happen, until its caller disconnects or loses
  /// access.
  Task<net::HttpResponse> wait(Call& call, const Route& route);
  Task<void> count_call(const Call& call);
  /// Takes the account's place for this call; throws 429 if it has too many.
  void take_place(Call& call, const Route& route);

  Core core;
  Authenticator authenticator;
  Router router;
  Sessions sessions;
  Accounts accounts;
  AccountHistory account_history;
  People people;
  Links links;
  ApiTokens api_tokens;
  Policies policies;
  ConnectionPolicies connection_policies;
  Replays replays;
  Plans plans;
  Queue queue;
  CommandDesk command_desk;
  Webhooks webhooks;
  Domains domains;
  DkimKeys dkim_keys;
  Deliveries deliveries;
  Traces traces;
  TraceStream trace_stream;
  TraceReruns trace_reruns;
  TestMails test_mails;
  System system;
  GatewayPage gateway_page;
  Pages pages;
};

Task<void> AdminApi::Parts::count_call(const Call& call) {
  std::optional<std::uint64_t> wait;
  if (call.caller.kind == Caller::Kind::control) co_return;
  SharedLimits* const limits = core.deps.limits;
  SharedLimits::Limit limit{.kind = "api_calls_per_account",
                            .most = core.calls_of_account,
                            .window = std::chrono::minutes(1)};
  if (call.caller.kind != Caller::Kind::nobody) {
    if (limits == nullptr) {
      wait = core.account_calls.take(call.caller.account_id);
    } else {
      wait = co_await net::counted(limits, limit, call.caller.account_id);
    }
  } else if (is_api(call.request) || call.request.path.starts_with(command_path)) {
    const std::string client = subscriber_key(call.client);
    wait = core.anonymous_calls.take(client);
    limit.kind = "api_calls_per_client";
    limit.most = core.calls_of_client;
    if (!wait) wait = co_await net::counted(limits, limit, client);
  }
  if (wait) throw rate_limited(*wait);
}

void AdminApi::Parts::take_place(Call& call, const Route& route) {
  if (call.caller.account_id.empty()) return;
  const bool waits = stays(route, call);
  call.place = core.shares.take(call.caller.account_id, waits ? Stay::waiting : Stay::brief);
  if (call.place) return;
  throw Refusal{429,
                "rate_limited",
                waits ? "too many requests of this account are waiting"
                      : "too many requests of this account at a time",
                {},
                {{"Retry-After", "1"}}};
}

Task<net::HttpResponse> AdminApi::Parts::wait(Call& call, const Route& route) {
  Guest guest(core, call, route.access);
  auto came = co_await (attempt(route, call) || authenticator.end_of_access(guest) ||
                        client_gone(call.request));
  if (const Refusal* refusal = std::get_if<Refusal>(&came)) throw *refusal;
  Attempt* made = std::get_if<Attempt>(&came);
  if (made == nullptr) throw Refusal{408, "client_gone", "the client has left", {}, {}};
  if (!guest.is_settled()) {
    std::optional<Refusal> refusal = co_await authenticator.judge_again(guest);
    if (refusal) throw std::move(*refusal);
  }
  if (made->thrown) std::rethrow_exception(made->thrown);
  co_return std::move(*made->response);
}

Call AdminApi::Parts::call_of(net::HttpRequest request) const {
  Call call;
  call.client = net::client_of(request.headers, request.peer, core.options.trusted_proxies);
  call.now = store::now();
  call.request = std::move(request);
  return call;
}

Task<const Route*> AdminApi::Parts::admit(Call& call, const Router::Match& match) {
  if (match.route == nullptr && match.allow.empty()) {
    co_await count_call(call);
    throw Refusal{404, "not_found", "there is nothing at this path", {}, {}};
  }
  if (match.route == nullptr) {
    throw Refusal{
        405, "method_not_allowed", "this path takes " + match.allow, {}, {{"Allow", match.allow}}};
  }
  const Route& route = *match.route;
  std::exception_ptr refused;
  try {
    const bool control =
        route.control_token != ControlToken::refused && authenticator.admit_control(call);
    if (!control && route.control_token == ControlToken::required) {
      throw unauthorized("only the command line on the gateway's machine may ask this");
    }
    if (!control) co_await authenticator.admit(call, route.access);
    if (!control && route.operators_only) co_await authenticator.admit_operator(call);
  } catch (const Refusal&) {
    refused = std::current_exception();
  }
  if (refused) {
    co_await count_call(call);  // also limits guessing of tokens
    std::rethrow_exception(refused);
  }
  co_return match.route;
}

Task<net::HttpResponse> AdminApi::Parts::dispatch(Call& call, const Router::Match& match) {
  const Route& route = *co_await admit(call, match);
  co_await count_call(call);
  if (route.method != "GET") refuse_unknown_parameters(call, route);
  const auto accept = call.request.header("accept");
  const bool is_download =
      route.path == "/api/v1/attachments/{id}" || route.path == "/api/v1/queue/{id}/message" ||
      route.path == "/api/v1/traces/stream" || route.path == "/api/v1/openapi.yaml";
  if (is_api(call.request) && accept && !is_download && !accepts_json(*accept)) {
    throw Refusal{406, "not_acceptable", "the API answers in application/json", {}, {}};
  }
  read_body(call, route.body);
  take_place(call, route);
  const bool by_account = !call.caller.account_id.empty();
  net::HttpResponse response;
  if (by_account && stays(route, call)) {
    response = co_await wait(call, route);
  } else {
    response = co_await route.handler(call);
  }
  if (response.stream && by_account) {
    auto stream = std::make_shared<net::HttpResponse::Stream>(std::move(*response.stream));
    auto guest = std::make_shared<Guest>(core, call, route.access);
    const Ends ends = response.content_type == "text/event-stream" ? Ends::anywhere : Ends::whole;
    response.stream = net::HttpResponse::Stream{
        stream->size, [stream, ends, guest, &judge = authenticator]() -> Task<Piece> {
          return guarded_piece(stream, ends, guest, judge);
        }};
  }
  co_return response;
}

Task<net::HttpResponse> AdminApi::Parts::answer(Call& call, const Router::Match& match) {
  try {
    net::HttpResponse response = co_await dispatch(call, match);
    co_return response;
  } catch (const Refusal& refusal) {
    co_return to_response(refusal);
  } catch (const std::exception& error) {
    telemetry::log::error("api.failed")
        .field("method", call.request.method)
        .field("path", match.path)
        .field("error", error.what())
        .msg("a request ended in an exception");
    co_return to_response(Refusal{500, "internal", "internal error", {}, {}});
  }
}

/// A client may go on at any gateway: each should have its edit when it is told of success.
Task<void> AdminApi::Parts::wait_for_the_others(net::HttpResponse& response) {
  const std::uint64_t edit = core.deps.store.newest_own_change();
  response.headers.emplace_back("Postern-Edit", std::to_string(edit));
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (const auto end = std::chrono::steady_clock::now() + edit_wait;;) {
    const auto state = co_await core.deps.disk.run(
        own_turn(), [applied = core.deps.applied, edit] { return applied(edit); });
    const bool known = state && *state;
    const bool all = known && (**state).first == (**state).second;
    if (all || std::chrono::steady_clock::now() >= end) {
      if (known) {
        response.headers.emplace_back("Postern-Applied",
                                      fmt::format("{}/{}", (**state).second, (**state).first));
      }
      co_return;
    }
    timer.expires_after(look_again);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

AdminApi::AdminApi(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
AdminApi::~AdminApi() = default;

Result<std::unique_ptr<AdminApi>> AdminApi::open(const Dependencies& dependencies,
                                                 const Options& options) {
  Result<TokenKeys> keys = TokenKeys::load(dependencies.store, store::now());
  if (!keys) return tl::unexpected(keys.error());
  Result<Secret> csrf =
      dependencies.store.server_secret("csrf", Secret(base64_encode(random_bytes(32))));
  if (!csrf) return tl::unexpected(csrf.error());
  auto parts = std::make_unique<Parts>(dependencies, options, std::move(*keys), std::move(*csrf));
  const auto tell = [access = parts->core.access](std::string_view id) { access->changed(id); };
  if (auto told = dependencies.store.on_access_change(tell); !told) {
    return tl::unexpected(told.error());
  }
  return std::unique_ptr<AdminApi>(new AdminApi(std::move(parts)));
}

std::vector<std::pair<std::string, std::string>> AdminApi::routes() const {
  return parts_->router.templates();
}

Task<net::HttpResponse> AdminApi::handle(net::HttpRequest request) {
  const auto start = std::chrono::steady_clock::now();
  Call call = parts_->call_of(std::move(request));
  const Router::Match match = parts_->router.find(call.request.method, call.request.segments);
  call.ids = match.ids;
  const std::uint64_t edits = parts_->core.deps.store.newest_own_change();
  net::HttpResponse response = co_await parts_->answer(call, match);
  if (parts_->core.deps.applied && parts_->core.deps.store.newest_own_change() != edits) {
    co_await parts_->wait_for_the_others(response);
  }
  response.holds = std::move(call.place);
  if (parts_->core.deps.metrics != nullptr) {
    const std::string_view route = match.path.empty() ? std::string_view("other") : match.path;
    parts_->core.deps.metrics->count_request(method_label(call.request.method), route,
                                             response.status,
                                             std::chrono::steady_clock::now() - start);
  }
  co_return response;
}

Task<std::optional<net::HttpResponse>> AdminApi::refuse_large_body(const net::HttpRequest& head) {
  Call call = parts_->call_of(head);
  const Router::Match match = parts_->router.find(call.request.method, call.request.segments);
  call.ids = match.ids;
  try {
    const Route* route = co_await parts_->admit(call, match);
    if (route->access != Access::open) co_return std::nullopt;
    throw Refusal{413, "body_too_large", "the body is larger than 64 KiB", {}, {}};
  } catch (const Refusal& refusal) {
    co_return to_response(refusal);
  }
}

void AdminApi::stop() { parts_->core.stopping = true; }

Result<void> AdminApi::follow_keys() {
  Result<TokenKeys> keys = TokenKeys::load(parts_->core.deps.store, store::now());
  if (!keys) return tl::unexpected(keys.error());
  parts_->core.set_keys(std::move(*keys));
  return {};
}

Task<void> AdminApi::housekeeping() {
  try {
    Core& core = parts_->core;
    const store::Time now = store::now();
    auto tidy = [&store = core.deps.store, now]() -> Result<TokenKeys> {
      if (auto purged = store.purge_sessions(now); !purged) return tl::unexpected(purged.error());
      return TokenKeys::load(store, now);
    };
    TokenKeys keys = co_await core.disk(own_turn(), std::move(tidy));
    core.set_keys(std::move(keys));
    co_await parts_->domains.recheck(now);
  } catch (const Refusal& refusal) {
    telemetry::log::warning("api.housekeeping")
        .field("error", refusal.sentence)
        .msg("housekeeping was cut short; the next round tries again");
  }
}

Task<void> AdminApi::tick() {
  Core& core = parts_->core;
  auto look = [&core] {
    if (auto written = core.sign_ins.write(core.deps.store, store::now()); !written) {
      telemetry::log::error("api.audit")
          .field("error", written.error().message)
          .field("count", core.sign_ins.waiting())
          .msg("failed sign-ins are not in the audit log yet; writing them is tried again");
    }
    return core.deps.store.written_elsewhere();
  };
  const auto written = co_await core.deps.disk.run(own_turn(), std::move(look));
  // If the check failed, access may have changed.
  if (!written || !*written || **written) core.access->changed("");
}

void AdminApi::write_what_waits() {
  Core& core = parts_->core;
  const Result<void> written = core.sign_ins.write(core.deps.store, store::now());
  if (written) return;
  telemetry::log::error("api.audit")
      .field("error", written.error().message)
      .field("count", core.sign_ins.waiting())
      .msg("failed sign-ins are missing in the audit log");
}

}  // namespace postern::admin
