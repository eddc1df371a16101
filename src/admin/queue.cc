#include "admin/queue.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "admin/queue_filter.h"
#include "admin/queue_json.h"
#include "base/text.h"
#include "base/ulid.h"
#include "spool/words.h"
#include "store/store.h"
#include "telemetry/log.h"

namespace postern::admin {
namespace {

namespace json = boost::json;
using dialect::webhook::BodyReader;
using spool::Action;
using spool::ListFilter;

ListFilter filter_of(const Call& call) {
  ListFilter filter;
  for (const std::string_view name : queue_filters) {
    const auto value = call.request.parameter(name);
    if (!value) continue;
    const Result<void> set = set_filter(filter, name, *value, call.now);
    if (!set) throw invalid(std::string(name), set.error().message);
  }
  return filter;
}

/// The id is a ULID, so it is safe in a header field.
net::HttpResponse download(const std::string& id, StoredText text) {
  net::HttpResponse response;
  response.content_type = "message/rfc822";
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + id + ".eml\"");
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; sandbox");
  response.stream = net::HttpResponse::Stream{text.size, std::move(text.next)};
  return response;
}

Refusal no_such_message() { return {404, "not_found", "no such message is queued", {}, {}}; }

/// Throws the Refusal for an error of the queue.
[[noreturn]] void refuse_queue_error(const Error& error) {
  switch (error.fault) {
    case Fault::not_found:
      throw no_such_message();
    case Fault::conflict:
      throw conflict("conflict", error.message);
    case Fault::denied:
      throw conflict("no_reports", error.message);
    default:
      throw storage_trouble(error);
  }
}

void note(const Call& call, Action action, std::string_view id, std::uint64_t count) {
  telemetry::log::info("queue.changed")
      .field("name", spool::to_string(action))
      .field("message_id", id)
      .field("messages", count)
      .field("auth_id", call.caller.actor)
      .msg("the queue was changed through the API");
}

bool notify_of(BodyReader& body, Action action) {
  const bool notify = body.boolean("notify").value_or(false);
  if (notify && action != Action::drop) body.error("notify", "is allowed only with drop");
  return notify;
}

}  // namespace

void Queue::add_routes(Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, Body body,
                       auto member) {
    router.add_for_operators(*this, method, path, access, body, member, ControlToken::taken);
  };
  add("GET", "/api/v1/queue", Access::read, Body::none, &Queue::list);
  add("GET", "/api/v1/queue/destinations", Access::read, Body::none, &Queue::destinations);
  add("POST", "/api/v1/queue/actions", Access::write, Body::json, &Queue::act_on_all);
  add("POST", "/api/v1/queue/verify", Access::write, Body::none, &Queue::verify);
  add("GET", "/api/v1/queue/{id}", Access::read, Body::none, &Queue::show);
  add("GET", "/api/v1/queue/{id}/message", Access::read, Body::none, &Queue::message);
  add("POST", "/api/v1/queue/{id}/retry", Access::write, Body::optional_json, &Queue::retry);
  add("POST", "/api/v1/queue/{id}/hold", Access::write, Body::optional_json, &Queue::hold);
  add("POST", "/api/v1/queue/{id}/release", Access::write, Body::optional_json, &Queue::release);
  add("POST", "/api/v1/queue/{id}/drop", Access::write, Body::optional_json, &Queue::drop);
  router.add(*this, "GET", "/api/v1/webhooks/{id}/dead-letters", Access::read, Body::none,
             &Queue::dead_letters);
  router.add(*this, "POST", "/api/v1/webhooks/{id}/dead-letters/{message_id}/retry", Access::write,
             Body::none, &Queue::retry_dead_letter);
}

QueueControl& Queue::control() const {
  if (core_.deps.queue == nullptr) throw unavailable("there is no queue on this server");
  refuse_while_stopping(core_);
  return *core_.deps.queue;
}

Task<net::HttpResponse> Queue::page(const Call& call, ListFilter filter) {
  const std::uint64_t size = number_parameter(call, "page_size", 1, 200).value_or(20);
  const std::string before(call.request.parameter("before").value_or(""));
  if (!before.empty() && !is_ulid(before)) throw invalid("before", "must be a message's id");
  const auto messages = co_await control().list(std::move(filter), before, size);
  if (!messages) refuse_queue_error(messages.error());
  json::array data;
  for (const spool::Message& message : *messages) data.push_back(to_json(message, Detail::list));
  const bool more = messages->size() == size;
  json::object answer{{"data", std::move(data)}};
  answer["next"] = more ? json::value(messages->back().id) : json::value(nullptr);
  co_return json_response(200, answer);
}

Task<net::HttpResponse> Queue::list(Call& call) {
  net::HttpResponse response = co_await page(call, filter_of(call));
  co_return response;
}

Task<spool::Message> Queue::found(const Call&, const std::string& id) {
  if (!is_ulid(id)) throw no_such_message();
  Result<std::optional<spool::Message>> message = co_await control().show(id);
  if (!message) refuse_queue_error(message.error());
  if (!*message) throw no_such_message();
  co_return std::move(**message);
}

Task<net::HttpResponse> Queue::show(Call& call) {
  const spool::Message message = co_await found(call, call.ids[0]);
  co_return json_response(200, to_json(message, Detail::whole));
}

Task<net::HttpResponse> Queue::message(Call& call) {
  if (!is_ulid(call.ids[0])) throw no_such_message();
  Result<StoredText> text = co_await control().text(call.ids[0]);
  if (!text && text.error().fault == Fault::damaged) {
    throw conflict("damaged", "the message's text is damaged: " + text.error().message);
  }
  if (!text) refuse_queue_error(text.error());
  co_return download(call.ids[0], std::move(*text));
}

Task<net::HttpResponse> Queue::act(Call& call, Action action) {
  if (!is_ulid(call.ids[0])) throw no_such_message();
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"notify"}, {}, "action");
  const bool notify = notify_of(body, action);
  check(body);
  const Result<void> done =
      co_await control().act(action, call.ids[0], notify ? Notify::yes : Notify::no);
  if (!done) refuse_queue_error(done.error());
  note(call, action, call.ids[0], 1);
  co_return no_content();
}

Task<net::HttpResponse> Queue::act_on_all(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 4>{"action", "filter", "before", "notify"}, {},
                      "request");
  const std::string word = required_text(body, "action");
  const auto action = spool::action_named(word);
  if (!action) throw invalid("action", "must be retry, hold, release or drop");
  const bool notify = notify_of(body, *action);
  const std::string before = body.text("before").value_or("");
  if (!before.empty() && !is_ulid(before)) body.error("before", "must be a message's id");
  check(body);
  const json::value* given = body.find("filter");
  if (given == nullptr) throw missing("filter");
  if (!given->is_object() || given->get_object().empty()) {
    throw invalid("filter", "must be an object with at least one filter");
  }
  ListFilter filter;
  for (const auto& [name, value] : given->get_object()) {
    if (!value.is_string()) throw invalid("filter." + printable(name, 64), "must be text");
    const Result<void> set =
        set_filter(filter, name, std::string_view(value.get_string()), call.now);
    if (!set) throw invalid("filter." + printable(name, 64), set.error().message);
  }
  const Result<BulkResult> result = co_await control().act_on_all(
      *action, std::move(filter), before, notify ? Notify::yes : Notify::no);
  if (!result) refuse_queue_error(result.error());
  note(call, *action, "", result->changed);
  co_return json_response(200, to_json(*result));
}

Task<net::HttpResponse> Queue::destinations(Call&) {
  const auto states = co_await control().destinations();
  if (!states) refuse_queue_error(states.error());
  json::array data;
  for (const DestinationState& state : *states) data.push_back(to_json(state));
  const std::size_t total = data.size();
  co_return json_response(200, {{"data", std::move(data)}, {"total", total}});
}

Task<net::HttpResponse> Queue::verify(Call&) {
  const Result<spool::Verification> found = co_await control().verify();
  if (!found) refuse_queue_error(found.error());
  co_return json_response(200, to_json(*found));
}

Task<spool::Destination> Queue::own_webhook(const Call& call) {
  auto look = [&store = core_.deps.store, account = call.caller.account_id, id = call.ids[0]] {
    return admin::found(store.webhook(account, id));
  };
  const store::WebhookRow row = co_await core_.disk(call, std::move(look));
  co_return spool::Destination{spool::RouteKind::webhook, row.id};
}

Task<net::HttpResponse> Queue::dead_letters(Call& call) {
  const spool::Destination webhook = co_await own_webhook(call);
  ListFilter filter{.state = spool::State::dead, .destination = webhook};
  net::HttpResponse response = co_await page(call, std::move(filter));
  co_return response;
}

Task<net::HttpResponse> Queue::retry_dead_letter(Call& call) {
  const spool::Destination webhook = co_await own_webhook(call);
  const spool::Message message = co_await found(call, call.ids[1]);
  const auto& recipients = message.envelope.recipients;
  const bool dead = std::any_of(recipients.begin(), recipients.end(), [&](const auto& one) {
    return one.destination == webhook && one.state == spool::State::dead;
  });
  if (!dead) throw no_such_message();
  // Actions apply to a whole message, and other recipients do not belong to this account.
  const bool all_own = std::all_of(recipients.begin(), recipients.end(),
                                   [&](const auto& one) { return one.destination == webhook; });
  if (!all_own) throw conflict("conflict", "the message has other recipients too; ask an operator");
  const Result<void> done = co_await control().act(Action::retry, message.id, Notify::no);
  if (!done) refuse_queue_error(done.error());
  note(call, Action::retry, message.id, 1);
  co_return json_response(202, {{"id", message.id}, {"state", "queued"}});
}

}  // namespace postern::admin
