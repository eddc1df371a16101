#include "admin/trace_stream.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/trace_hub.h"
#include "admin/trace_json.h"
#include "base/shown.h"
#include "base/text.h"
#include "store/store.h"
#include "store/trace_words.h"

namespace postern::admin {
namespace {

using Clock = std::chrono::steady_clock;

/// Milliseconds until a browser reconnects.
constexpr int retry_ms = 2000;

/// The stream of one client.
struct Feed {
  std::unique_ptr<TraceHub::Subscription> subscription;
  store::TraceWords words;
  std::optional<std::string> webhook_id;
  std::chrono::milliseconds keep_alive{0};
  Clock::time_point end;
  bool begun = false;

  bool shows(const store::TraceRow& row) const {
    if (webhook_id && row.webhook_id != *webhook_id) return false;
    return words.empty() || store::matches(words, row);
  }
};

std::string events_of(const Feed& feed, const TraceHub::Batch& batch) {
  std::string text;
  if (batch.missed_unknown) {
    text += "event: missed\ndata: {\"n\":null}\n\n";
  } else if (batch.missed > 0) {
    text += fmt::format("event: missed\ndata: {{\"n\":{}}}\n\n", batch.missed);
  }
  for (const TraceHub::Event& event : batch.events) {
    if (!feed.shows(*event.row)) continue;
    text += fmt::format("id: {}\nevent: decision\ndata: {}\n\n", event.number,
                        shown_json(boost::json::serialize(summary_json(*event.row))));
  }
  return text;
}

/// An id without data advances the client's position past events hidden by its filter.
std::string place(const Feed& feed, std::string_view line) {
  return fmt::format("{}\nid: {}\n\n", line, feed.subscription->number());
}

Task<Result<std::string>> next_event(std::shared_ptr<Feed> feed) {
  if (!feed->begun) {
    feed->begun = true;
    co_return place(*feed, fmt::format("retry: {}", retry_ms));
  }
  if (Clock::now() >= feed->end) co_return std::string();  // even if there are events
  const Clock::time_point until = std::min(Clock::now() + feed->keep_alive, feed->end);
  for (;;) {
    const TraceHub::Batch batch = co_await feed->subscription->next(until);
    std::string events = events_of(*feed, batch);
    if (!events.empty()) co_return events;
    if (Clock::now() >= feed->end) co_return std::string();
    if (Clock::now() >= until) co_return place(*feed, ": keep-alive");
  }
}

/// The position sent by a reconnecting browser; nullopt, for new events only, if it is not a
/// number.
std::optional<std::uint64_t> last_event_id(const net::HttpRequest& request) {
  auto given = request.header("last-event-id");
  if (!given) given = request.parameter("last_event_id");
  return given ? parse_number(*given) : std::nullopt;
}

}  // namespace

void TraceStream::add_routes(Router& router) {
  router.add({.method = "GET",
              .path = "/api/v1/traces/stream",
              .access = Access::read,
              .body = Body::none,
              .handler = router.handler(*this, &TraceStream::stream),
              .stays = Stays::always});
}

Task<net::HttpResponse> TraceStream::stream(Call& call) {
  TraceHub* hub = core_.deps.trace_hub;
  if (hub == nullptr) throw unavailable("traces are not available on this server");
  auto feed = std::make_shared<Feed>();
  Result<store::TraceWords> words =
      store::parse_trace_words(call.request.parameter("q").value_or(""));
  if (!words) throw invalid("q", words.error().message);
  feed->words = std::move(*words);
  if (const auto id = call.request.parameter("webhook_id")) {
    feed->webhook_id = std::string(*id);
    auto look = [&store = core_.deps.store, account = call.caller.account_id,
                 id = std::string(*id)] { return found(store.webhook(account, id)); };
    co_await core_.disk(call, std::move(look));
  }
  const bool operates = co_await authenticator_.operates_gateway(call.caller.account_id);
  feed->subscription = hub->subscribe(call.caller.account_id, operates && !feed->webhook_id,
                                      last_event_id(call.request));
  if (!feed->subscription) throw rate_limited(retry_ms / 1000, "streams of traces");
  feed->keep_alive = hub->options().keep_alive;
  feed->end = Clock::now() + hub->options().longest;

  net::HttpResponse response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("X-Accel-Buffering", "no");  // stops proxies from buffering events
  response.stream = net::HttpResponse::Stream{
      {}, [feed]() -> Task<Result<std::string>> { return next_event(feed); }};
  co_return response;
}

}  // namespace postern::admin
