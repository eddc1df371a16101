#include "admin/deliveries.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "admin/digest.h"
#include "admin/json_value.h"
#include "admin/log_json.h"
#include "admin/ports.h"
#include "base/text.h"
#include "base/ulid.h"
#include "spool/inbox.h"
#include "store/linked_octets.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;

constexpr std::chrono::milliseconds inbox_poll{100};
constexpr std::size_t attachment_piece = std::size_t{256} << 10;

boost::json::object message_json(const spool::InboxMessage& message) {
  return {{"id", message.id},
          {"sequence", message.sequence},
          {"webhook_id", message.webhook_id},
          {"received_at", to_rfc3339(message.received_at)},
          {"sender", message.sender},
          {"subject", message.subject},
          {"size", message.payload_size}};
}

/// The contents and limits of an inbox.
boost::json::object box_json(const spool::InboxState& state, const policy::InboxLimits& limits) {
  return {{"messages", state.messages},
          {"octets", state.octets},
          {"max_messages", limits.messages},
          {"max_octets", limits.octets},
          {"keep_days", limits.keep_days},
          {"full", state.full(limits)},
          {"aged_out", state.aged_out},
          {"refused", state.refused},
          {"refused_at", to_json(state.refused_at)}};
}

template <class Row>
boost::json::array list_of(const std::vector<Row>& rows,
                           boost::json::object (*json_of)(const Row&)) {
  boost::json::array data;
  for (const Row& row : rows) data.push_back(json_of(row));
  return data;
}

store::LogFilter read_filter(const Call& call) {
  store::LogFilter filter;
  filter.simulated = boolean_parameter(call, "simulated");
  const auto outcome = call.request.parameter("outcome");
  if (!outcome) return filter;
  for (const auto known :
       {store::LogOutcome::success, store::LogOutcome::failure, store::LogOutcome::rejected}) {
    if (*outcome == to_text(known)) filter.outcome = known;
  }
  if (!filter.outcome) throw invalid("outcome", "must be success, failure or rejected");
  return filter;
}

/// `headers`: field name to array of values.
std::vector<std::pair<std::string, std::vector<std::string>>> read_headers(BodyReader& body) {
  std::vector<std::pair<std::string, std::vector<std::string>>> headers;
  const boost::json::value* value = body.find("headers");
  if (value == nullptr) return headers;
  const Refusal wrong = invalid("headers", "must map names to arrays of strings");
  if (!value->is_object()) throw wrong;
  for (const auto& member : value->get_object()) {
    if (!member.value().is_array()) throw wrong;
    std::vector<std::string> values;
    for (const boost::json::value& element : member.value().get_array()) {
      if (!element.is_string()) throw wrong;
      values.emplace_back(element.get_string());
      if (dialect::webhook::has_control(values.back()))
        throw invalid("headers", "must not hold control characters");
    }
    const std::string name(member.key());
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return is_printable_ascii(c) && c != ':' && c != ' ';  // RFC 5322 §2.2
    });
    if (!plain) throw invalid("headers", "has a name that is not a header field name");
    headers.emplace_back(name, std::move(values));
  }
  return headers;
}

SimulationRequest read_simulation(const Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 5>{"from", "subject", "text", "html", "headers"},
                      {}, "simulation");
  SimulationRequest request;
  request.webhook_id = call.ids[0];
  request.from = body.text("from");
  request.subject = body.text("subject");
  request.text = body.text("text");
  request.html = body.text("html");
  check(body);
  request.headers = read_headers(body);
  if (request.from && dialect::webhook::has_control(*request.from))
    throw invalid("from", "must not hold control characters");
  if (request.subject && dialect::webhook::has_control(*request.subject)) {
    throw invalid("subject", "must not hold control characters");
  }
  return request;
}

/// A page of an inbox.
struct InboxPage {
  net::HttpResponse response;
  bool empty = true;
};

InboxPage read_inbox(spool::Inbox& inbox, const std::string& id, const policy::InboxLimits& limits,
                     std::uint64_t after, const std::optional<store::Keyset>& keyset,
                     const PageQuery& query) {
  InboxPage page;
  if (keyset) {
    const auto slice = unwrap(inbox.reader().slice(id, after, *keyset));
    page = {sliced(list_of(slice.rows, message_json), slice.next), slice.rows.empty()};
  } else {
    const auto listed = unwrap(inbox.reader().list(id, after, query.as_page()));
    page = {paged(list_of(listed.rows, message_json), query, listed.total), listed.rows.empty()};
  }
  const spool::InboxState state = unwrap(inbox.reader().state(id));
  // The response is an object: the box becomes its last member.
  page.response.body.back() = ',';
  page.response.body += "\"box\":" + boost::json::serialize(box_json(state, limits)) + "}";
  return page;
}

/// The octets of a link from the file of its message; nullopt: it is gone.
std::optional<store::LinkedOctets::Source> octets_of(const store::AttachmentRow& row,
                                                     const std::string& directory) {
  const auto path = std::filesystem::path(directory) / std::filesystem::path(row.path).filename();
  auto file = std::make_shared<std::ifstream>(path, std::ios::binary | std::ios::ate);
  const bool whole = *file && static_cast<std::uint64_t>(file->tellg()) >= row.start + row.size;
  if (!whole) return std::nullopt;
  file->seekg(static_cast<std::streamoff>(row.start));
  return [file, left = row.size]() mutable -> Result<std::string> {
    if (left == 0) return std::string();
    std::string piece(std::min<std::uint64_t>(left, attachment_piece), '\0');
    left -= piece.size();
    if (file->read(piece.data(), static_cast<std::streamsize>(piece.size()))) return piece;
    return fail(Fault::temporary, "an attachment file cannot be read to its end");
  };
}

/// A plain file name for old clients, and the real one percent-encoded (RFC 6266 §4.3).
std::string disposition(const std::string& filename) {
  std::string plain;
  std::string encoded;
  for (const char c : filename.empty() ? std::string("attachment") : filename) {
    plain.push_back(is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ' ' ? c : '_');
    if (is_alnum(c) || c == '.' || c == '-' || c == '_') {
      encoded.push_back(c);
    } else {
      encoded += "%" + upper(hex_encode(std::string_view(&c, 1)));
    }
  }
  return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + encoded;
}

}  // namespace

void Deliveries::add_routes(Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, auto member,
                       Body body = Body::none) {
    router.add(*this, method, path, access, body, member);
  };
  add("POST", "/api/v1/webhooks/{id}/simulate", Access::write, &Deliveries::simulate,
      Body::optional_json);
  add("GET", "/api/v1/webhooks/{id}/logs", Access::read, &Deliveries::logs);
  add("POST", "/api/v1/webhooks/{id}/logs/{log_id}/retry", Access::write, &Deliveries::retry);
  router.add({.method = "GET",
              .path = "/api/v1/webhooks/{id}/inbox",
              .access = Access::read,
              .body = Body::none,
              .handler = router.handler(*this, &Deliveries::inbox),
              .stays = Stays::by_wait});
  add("GET", "/api/v1/webhooks/{id}/inbox/{message_id}", Access::read, &Deliveries::inbox_message);
  add("DELETE", "/api/v1/webhooks/{id}/inbox", Access::write, &Deliveries::clear_inbox);
  add("DELETE", "/api/v1/webhooks/{id}/inbox/{message_id}", Access::write,
      &Deliveries::delete_inbox_message);
  add("GET", "/api/v1/attachments/{id}", Access::open, &Deliveries::attachment);
}

store::WebhookRow Deliveries::owned(const Call& call) const {
  return found(core_.deps.store.webhook(call.caller.account_id, call.ids[0]));
}

Task<net::HttpResponse> Deliveries::simulate(Call& call) {
  auto read = [this](const Call& own) {
    owned(own);
    return read_simulation(own);
  };
  SimulationRequest request = co_await core_.disk(call, std::move(read));
  if (core_.deps.simulator == nullptr)
    throw unavailable("simulations are not available on this server");
  const Result<SimulationResult> result =
      co_await core_.deps.simulator->simulate(std::move(request));
  if (!result && result.error().fault == Fault::not_found) throw not_found();
  if (!result && result.error().fault == Fault::limit) throw rate_limited(10);
  if (!result) throw unavailable("the simulation could not be made; try again");
  co_return json_response(200, {{"http_status", or_null(result->http_status)},
                                {"duration_ms", result->duration_ms},
                                {"error", or_null(result->error)},
                                {"simulated", true},
                                {"log_id", result->log_id}});
}

net::HttpResponse Deliveries::logs(const Call& call) const {
  const store::LogFilter filter = read_filter(call);
  const auto keyset = keyset_of(call);
  const PageQuery query = keyset ? PageQuery{} : page_of(call);
  const store::WebhookRow webhook = owned(call);
  store::DeliveryLog& log = core_.deps.delivery_log;
  if (keyset) {
    const auto records = unwrap(log.log_slice(webhook.id, filter, *keyset));
    return sliced(list_of(records.rows, log_json), records.next);
  }
  const auto records = unwrap(log.list(webhook.id, filter, query.as_page()));
  return paged(list_of(records.rows, log_json), query, records.total);
}

Task<net::HttpResponse> Deliveries::retry(Call& call) {
  auto look = [this](const Call& own) {
    return found(core_.deps.delivery_log.find(owned(own).id, own.ids[1]));
  };
  const store::LogRecord record = co_await core_.disk(call, std::move(look));
  const std::string message = co_await dead_letter_of(record);
  // In sync mode the sending server has kept or bounced the message, so there is nothing to send.
  if (message.empty()) {
    throw conflict("conflict",
                   "the message of this record is not a dead letter: it is not stored, was "
                   "delivered, or is still queued");
  }
  const Result<void> done =
      co_await core_.deps.queue->act(spool::Action::retry, message, Notify::no);
  if (!done && done.error().fault == Fault::not_found) throw not_found();
  if (!done && done.error().fault == Fault::conflict)
    throw conflict("conflict", done.error().message);
  if (!done) throw storage_trouble(done.error());
  co_return json_response(202, {{"log_id", record.id}, {"id", message}, {"state", "queued"}});
}

/// The newest dead letter that was accepted by the record's decision; "": none.
Task<std::string> Deliveries::dead_letter_of(const store::LogRecord& record) {
  constexpr std::size_t page = 200;
  constexpr std::size_t most = 2000;
  if (core_.deps.queue == nullptr || !record.trace_id) co_return "";
  const spool::Destination webhook{spool::RouteKind::webhook, record.webhook_id};
  const spool::ListFilter filter{.state = spool::State::dead, .destination = webhook};
  std::string before;
  for (std::size_t seen = 0; seen < most; seen += page) {
    const auto messages = co_await core_.deps.queue->list(filter, before, page);
    if (!messages) throw storage_trouble(messages.error());
    for (const spool::Message& message : *messages) {
      if (message.envelope.trace_id != *record.trace_id) continue;
      const auto& recipients = message.envelope.recipients;
      const bool all_own = std::all_of(recipients.begin(), recipients.end(),
                                       [&](const auto& one) { return one.destination == webhook; });
      if (!all_own)
        throw conflict("conflict",
                       "the message has other recipients too; ask an "
                       "operator");
      co_return message.id;
    }
    if (messages->size() < page) break;
    before = messages->back().id;
  }
  co_return "";
}

Task<void> Deliveries::wait_for_inbox(std::uint64_t sequence, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  while (core_.deps.inbox.sequence() <= sequence && !core_.stopping &&
         std::chrono::steady_clock::now() < end) {
    timer.expires_after(inbox_poll);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
}

Task<net::HttpResponse> Deliveries::inbox(Call& call) {
  const auto keyset = keyset_of(call);
  const PageQuery query = keyset ? PageQuery{} : page_of(call);
  constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t after = number_parameter(call, "after", 0, last).value_or(0);
  const std::uint64_t wait = number_parameter(call, "wait", 0, 30).value_or(0);
  auto look = [this](const Call& own) { return owned(own); };
  const store::WebhookRow webhook = co_await core_.disk(call, std::move(look));
  if (keyset && wait != 0) throw invalid("wait", "and cursor or limit exclude each other");
  spool::Inbox& inbox = core_.deps.inbox;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(wait);
  while (true) {
    const std::uint64_t seen = inbox.sequence();
    auto read = [&inbox, id = webhook.id, limits = webhook.inbox, after, keyset, query] {
      return read_inbox(inbox, id, limits, after, keyset, query);
    };
    InboxPage page = co_await core_.disk(call, std::move(read));
    const auto left =
        std::chrono::ceil<std::chrono::seconds>(end - std::chrono::steady_clock::now());
    if (!page.empty || left.count() <= 0 || core_.stopping) co_return std::move(page.response);
    co_await wait_for_inbox(seen, left);  // the message may be for another webhook: look again
  }
}

/// The payload is valid JSON and may be larger than the available memory: it is streamed from the
/// disk to the client.
net::HttpResponse Deliveries::inbox_message(const Call& call) const {
  spool::InboxReader::Found message =
      found(core_.deps.inbox.reader().message(owned(call).id, call.ids[1]));
  std::string head = boost::json::serialize(message_json(message.message));
  head.back() = ',';
  head += "\"payload\":";
  const std::uint64_t size = head.size() + message.payload.size() + 1;
  enum class At { head, payload, end };
  auto read = [payload = std::make_shared<spool::BodyReader>(std::move(message.payload)),
               head = std::move(head), at = At::head]() mutable -> Result<std::string> {
    if (at == At::end) return std::string();
    if (std::exchange(at, At::payload) == At::head) return std::move(head);
    const Result<std::string_view> piece = payload->next();
    if (!piece) return tl::unexpected(piece.error());
    if (!piece->empty()) return std::string(*piece);
    at = At::end;
    return std::string("}");
  };
  net::HttpResponse response;
  response.stream = core_.stream(call, size, std::move(read));
  return response;
}

net::HttpResponse Deliveries::delete_inbox_message(const Call& call) const {
  if (!unwrap(core_.deps.inbox.erase(owned(call).id, call.ids[1]))) throw not_found();
  return no_content();
}

net::HttpResponse Deliveries::clear_inbox(const Call& call) const {
  unwrap(core_.deps.inbox.clear(owned(call).id));
  return no_content();
}

net::HttpResponse Deliveries::attachment(const Call& call) const {
  const std::string token(call.request.parameter("t").value_or(""));
  store::LinkedOctets* const shared = core_.deps.linked;
  auto row = shared != nullptr ? unwrap(shared->find(call.ids[0])) : std::nullopt;
  const bool is_shared = row.has_value();
  if (!row) row = unwrap(core_.deps.delivery_log.attachment(call.ids[0]));
  // Without the right token, an expired link must look unknown, too.
  if (!row || !row->token_hash.equals(sha256(token))) throw not_found();
  if (row->expires_at <= call.now) throw Refusal{410, "not_found", "the link has expired", {}, {}};
  auto read =
      is_shared ? unwrap(shared->open(*row)) : octets_of(*row, core_.options.attachment_dir);
  if (!read) throw not_found();
  net::HttpResponse response;
  response.stream = core_.stream(call, row->size, std::move(*read));
  // A browser must not render it as the type that the sender claims.
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("Content-Disposition", disposition(row->filename));
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; sandbox");
  return response;
}

}  // namespace postern::admin
