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
#include "base/text.h"
#include "base/ulid.h"
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
    router.add(
        {method, path, access, body, [this, member](Call& call) { return (this->*member)(call); }});
  };
  add("POST", "/api/v1/webhooks/{id}/simulate", Access::write, &Deliveries::simulate,
      Body::optional_json);
  add("GET", "/api/v1/webhooks/{id}/logs", Access::read, &Deliveries::logs);
  add("POST", "/api/v1/webhooks/{id}/logs/{log_id}/retry", Access::write, &Deliveries::retry);
  router.add({.method = "GET",
              .path = "/api/v1/webhooks/{id}/inbox",
              .access = Access::read,
              .body = Body::none,
              .handler = [this](Call& call) { return inbox(call); },
              .stays = Stays::by_wait});
  add("GET", "/api/v1/webhooks/{id}/inbox/{message_id}", Access::read, &Deliveries::inbox_message);
  add("DELETE", "/api/v1/webhooks/{id}/inbox", Access::write, &Deliveries::clear_inbox);
  add("DELETE", "/api/v1/webhooks/{id}/inbox/{message_id}", Access::write,
      &Deliveries::delete_inbox_message);
  add("GET", "/api/v1/attachments/{id}", Access::open, &Deliveries::attachment);
}

Task<store::WebhookRow> Deliveries::check_owner(const Call& call) {
  auto look = [&store = core_.deps.store, account = call.caller.account_id, id = call.ids[0]] {
    return store.webhook(account, id);
  };
  std::optional<store::WebhookRow> row = co_await core_.disk(call, std::move(look));
  if (!row) throw not_found();
  co_return std::move(*row);
}

Task<net::HttpResponse> Deliveries::simulate(Call& call) {
  co_await check_owner(call);
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

Task<net::HttpResponse> Deliveries::logs(Call& call) {
  const store::LogFilter filter = read_filter(call);
  const auto keyset = keyset_of(call);
  const PageQuery query = keyset ? PageQuery{} : page_of(call);
  co_await check_owner(call);
  if (keyset) {
    auto read = [&log = core_.deps.delivery_log, id = call.ids[0], filter, keyset = *keyset] {
      return log.log_slice(id, filter, keyset);
    };
    const store::Slice<store::LogRecord> records = co_await core_.disk(call, std::move(read));
    co_return sliced(list_of(records.rows, log_json), records.next);
  }
  auto read = [&log = core_.deps.delivery_log, id = call.ids[0], filter, page = query.as_page()] {
    return log.list(id, filter, page);
  };
  const store::Listed<store::LogRecord> records = co_await core_.disk(call, std::move(read));
  co_return paged(list_of(records.rows, log_json), query, records.total);
}

Task<net::HttpResponse> Deliveries::retry(Call& call) {
  co_await check_owner(call);
  auto look = [&log = core_.deps.delivery_log, webhook = call.ids[0], id = call.ids[1]] {
    return log.find(webhook, id);
  };
  const std::optional<store::LogRecord> record = co_await core_.disk(call, std::move(look));
  if (!record) throw not_found();
  const std::string message = co_await dead_letter_of(*record);
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
  co_return json_response(202, {{"log_id", record->id}, {"id", message}, {"state", "queued"}});
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
  const store::WebhookRow webhook = co_await check_owner(call);
  if (keyset && wait != 0) throw invalid("wait", "and cursor or limit exclude each other");
  spool::Inbox& inbox = core_.deps.inbox;
  const auto with_box = [&](net::HttpResponse response) -> Task<net::HttpResponse> {
    auto read = [&inbox, id = webhook.id] { return inbox.reader().state(id); };
    const spool::InboxState state = co_await core_.disk(call, std::move(read));
    // The response is an object: the box becomes its last member.
    response.body.back() = ',';
    response.body += "\"box\":" + boost::json::serialize(box_json(state, webhook.inbox)) + "}";
    co_return response;
  };
  if (keyset) {
    auto read = [&inbox, id = webhook.id, after, keyset = *keyset] {
      return inbox.reader().slice(id, after, keyset);
    };
    const store::Slice<spool::InboxMessage> slice = co_await core_.disk(call, std::move(read));
    co_return co_await with_box(sliced(list_of(slice.rows, message_json), slice.next));
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(wait);
  store::Listed<spool::InboxMessage> messages;
  while (true) {
    const std::uint64_t seen = inbox.sequence();
    auto read = [&inbox, id = webhook.id, after, page = query.as_page()] {
      return inbox.reader().list(id, after, page);
    };
    messages = co_await core_.disk(call, std::move(read));
    const auto left =
        std::chrono::ceil<std::chrono::seconds>(end - std::chrono::steady_clock::now());
    if (!messages.rows.empty() || left.count() <= 0 || core_.stopping) break;
    co_await wait_for_inbox(seen, left);  // the message may be for another webhook: look again
  }
  co_return co_await with_box(paged(list_of(messages.rows, message_json), query, messages.total));
}

/// The payload is valid JSON and may be larger than the available memory: it is streamed from the
/// disk to the client.
Task<net::HttpResponse> Deliveries::inbox_message(Call& call) {
  co_await check_owner(call);
  auto read = [&inbox = core_.deps.inbox, webhook = call.ids[0], id = call.ids[1]] {
    return inbox.reader().message(webhook, id);
  };
  std::optional<spool::InboxReader::Found> found = co_await core_.disk(call, std::move(read));
  if (!found) throw not_found();
  std::string head = boost::json::serialize(message_json(found->message));
  head.back() = ',';
  head += "\"payload\":";
  const std::uint64_t size = head.size() + found->payload.size() + 1;
  auto payload = std::make_shared<spool::BodyReader>(std::move(found->payload));
  enum class At { head, payload, end };
  auto next = [&disk = core_.deps.disk, turn = turn_of(call), payload, head = std::move(head),
               at = At::head]() mutable -> Task<Result<std::string>> {
    if (at == At::end) co_return std::string();
    if (std::exchange(at, At::payload) == At::head) co_return std::move(head);
    auto read_piece = [payload]() -> Result<std::string> {
      const Result<std::string_view> piece = payload->next();
      if (!piece) return tl::unexpected(piece.error());
      return std::string(*piece);
    };
    Result<Result<std::string>> piece = co_await disk.run(turn, std::move(read_piece));
    if (!piece) co_return tl::unexpected(piece.error());
    if (*piece && (*piece)->empty()) {
      at = At::end;
      co_return std::string("}");
    }
    co_return std::move(*piece);
  };
  net::HttpResponse response;
  response.stream = {.size = size, .next = std::move(next)};
  co_return response;
}

Task<net::HttpResponse> Deliveries::delete_inbox_message(Call& call) {
  co_await check_owner(call);
  auto erase = [&inbox = core_.deps.inbox, webhook = call.ids[0], id = call.ids[1]] {
    return inbox.erase(webhook, id);
  };
  const bool erased = co_await core_.disk(call, std::move(erase));
  if (!erased) throw not_found();
  co_return no_content();
}

Task<net::HttpResponse> Deliveries::clear_inbox(Call& call) {
  co_await check_owner(call);
  auto clear = [&inbox = core_.deps.inbox, webhook = call.ids[0]] { return inbox.clear(webhook); };
  co_await core_.disk(call, std::move(clear));
  co_return no_content();
}

Task<net::HttpResponse> Deliveries::attachment(Call& call) {
  const std::string token(call.request.parameter("t").value_or(""));
  auto look = [&log = core_.deps.delivery_log, id = call.ids[0]] { return log.attachment(id); };
  const std::optional<store::AttachmentRow> row = co_await core_.disk(call, std::move(look));
  // Without the right token, an expired link must look unknown, too.
  if (!row || !row->token_hash.equals(sha256(token))) throw not_found();
  if (row->expires_at <= call.now) throw Refusal{410, "not_found", "the link has expired", {}, {}};
  const std::filesystem::path name = std::filesystem::path(row->path).filename();
  auto open = [path = std::filesystem::path(core_.options.attachment_dir) / name,
               start = row->start, size = row->size]() -> Result<std::shared_ptr<std::ifstream>> {
    auto file = std::make_shared<std::ifstream>(path, std::ios::binary | std::ios::ate);
    if (!*file || static_cast<std::uint64_t>(file->tellg()) < start + size)
      return fail(Fault::not_found, "an attachment file is missing or short");
    file->seekg(static_cast<std::streamoff>(start));
    return file;
  };
  auto file = co_await core_.deps.disk.run(turn_of(call), std::move(open));
  if (!file) throw busy();
  if (!*file) throw not_found();
  net::HttpResponse response;
  auto next = [&disk = core_.deps.disk, turn = turn_of(call), file = **file,
               left = row->size]() mutable -> Task<Result<std::string>> {
    const std::uint64_t wanted = std::min<std::uint64_t>(left, attachment_piece);
    left -= wanted;
    if (wanted == 0) co_return std::string();
    auto read = [file, wanted]() -> Result<std::string> {
      std::string piece(wanted, '\0');
      if (file->read(piece.data(), static_cast<std::streamsize>(wanted))) return piece;
      return fail(Fault::temporary, "an attachment file cannot be read to its end");
    };
    Result<Result<std::string>> piece = co_await disk.run(turn, std::move(read));
    if (!piece) co_return tl::unexpected(piece.error());
    co_return std::move(*piece);
  };
  response.stream = {.size = row->size, .next = std::move(next)};
  // A browser must not render it as the type that the sender claims.
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("Content-Disposition", disposition(row->filename));
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; sandbox");
  co_return response;
}

}  // namespace postern::admin
