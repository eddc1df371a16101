#include "deliver/webhook_delivery.h"

#include <algorithm>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/stream_parser.hpp>

#include <fmt/core.h>

#include "base/io_error.h"
#include "base/text.h"
#include "base/ulid.h"
#include "deliver/delivery_report.h"
#include "deliver/message_identity.h"
#include "deliver/signature.h"
#include "deliver/template.h"
#include "net/counted.h"
#include "policy/replies.h"
#include "queue/stored.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/outage.h"

namespace postern::deliver {
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view inbox_target = "inbox";
/// Memory for a template, as a multiple of the payload's size.
constexpr std::uint64_t template_copies = 4;
/// Less than the ten minutes that a client waits after the end of data (RFC 5321 §4.5.3.2.6).
constexpr std::chrono::minutes heavy_wait{4};

/// The outcome of an internal failure: nothing was sent, and the webhook is not to blame.
DeliveryOutcome own_trouble(const Error& error) {
  DeliveryOutcome outcome;
  switch (error.fault) {
    case Fault::disk_full:  // RFC 3463 §3.4
    case Fault::temporary:  // no space in memory
      outcome.reply = policy::replies::no_room();
      break;
    case Fault::limit:  // the worker pool's queue
      outcome.reply = smtp::reply_for(Fault::temporary);
      break;
    default:
      outcome.reply = smtp::reply_for(Fault::bug);
  }
  outcome.error = error.message;
  return outcome;
}

/// The subject of a stored payload; "" if there is none. build_payload() writes it among the first
/// members, and inside a string the quotes of `key` would be escaped.
std::string subject_of(std::string_view payload) {
  constexpr std::string_view key = R"(,"subject":)";
  constexpr std::size_t far_enough = 256 * 1024;
  payload = payload.substr(0, far_enough);
  const std::size_t at = payload.find(key);
  if (at == payload.npos) return {};
  boost::json::stream_parser parser;
  boost::system::error_code error;
  parser.write_some(payload.data() + at + key.size(), payload.size() - at - key.size(), error);
  if (error || !parser.done()) return {};
  const boost::json::value subject = parser.release();
  return subject.is_string() ? std::string(subject.get_string()) : std::string();
}

DeliveryOutcome not_active() {
  return {.reply = {550, {5, 2, 1}, "the webhook is not active"}, .failed_control = "inactive"};
}

Error busy() { return {Fault::limit, "too much work is waiting"}; }

/// Fields that this file sets; the API refuses them too.
bool is_reserved(std::string_view name) {
  for (const std::string_view taken :
       {"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Expect",
        "X-Conduit-Signature"})
    if (iequals(name, taken)) return true;
  return istarts_with(name, "webhook-") || istarts_with(name, "X-Postern-");
}

net::HttpHeaders request_headers(const policy::Webhook& webhook, net::HttpHeaders signature) {
  net::HttpHeaders headers;
  std::string content_type = "application/json";
  for (const auto& [name, value] : webhook.custom_headers) {
    // A webhook with a template may set the type of its output.
    if (iequals(name, "Content-Type") && !webhook.payload_template.empty()) content_type = value;
    if (!is_reserved(name)) headers.emplace_back(name, value);
  }
  headers.emplace_back("Content-Type", std::move(content_type));
  headers.insert(headers.end(), std::make_move_iterator(signature.begin()),
                 std::make_move_iterator(signature.end()));
  return headers;
}

net::HttpBody body_of(std::string_view octets) {
  return {.size = octets.size(), .read = [octets](std::uint64_t offset, std::span<char> into) {
            return octets.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
          }};
}

std::int64_t unix_seconds(std::chrono::system_clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

/// Replaces the payload by the output of the webhook's template.
Result<void> apply_template(const policy::Webhook& webhook, const std::string& directory,
                            Payload& payload, MemoryCharge& charge) {
  const Result<Template> parsed = Template::parse(webhook.payload_template);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  const Result<std::string_view> text = payload.body.view();
  if (!text) return tl::unexpected<Error>(text.error());
  const Result<std::string> rendered =
      render(*parsed, template_data(boost::json::parse(*text)), charge);
  if (!rendered) return tl::unexpected<Error>(rendered.error());
  spool::Body body(directory);
  if (Result<void> written = body.append(*rendered); !written) return written;
  payload.body = std::move(body);
  return {};
}

/// Keeps or removes the linked files according to the outcome of the delivery.
Task<void> settle(LinkedFiles& files, const DeliveryOutcome& outcome) {
  if (outcome.reply.positive()) {
    const Result<void> kept = co_await queue::stored<void>(
        [&files](LinkedFiles::Done done) { files.keep(std::move(done)); });
    if (!kept) telemetry::log::store_error(kept.error());
  } else if (outcome.trouble != net::HttpTrouble::timeout &&
             outcome.trouble != net::HttpTrouble::broken) {
    files.remove();
  }
}

}  // namespace

/// A message in delivery. References belong to the awaiting caller.
struct WebhookDelivery::Job {
  const policy::Evidence& evidence;
  spool::Body& message;
  Time received_at;
  bool simulated = false;
  std::shared_ptr<const policy::Webhook> webhook;
  Clock::time_point start = Clock::now();
  std::string message_id = {};  // the Message-ID
  std::uint64_t size = 0;       ///< of the message when `message` is its payload
  std::uint32_t attempt = 1;
  std::optional<Time> next_attempt = {};
  std::string trace_id = {};
  // Time waited for our own work, which does not count against the webhook's timeout.
  mutable milliseconds held_up{0};

  milliseconds left() const {
    const auto used = std::chrono::duration_cast<milliseconds>(Clock::now() - start) - held_up;
    return std::max(webhook->timeout - used, milliseconds(0));
  }
};

WebhookDelivery::WebhookDelivery(DeliveryServices services, DeliveryOptions options)
    : services_(services),
      options_(std::move(options)),
      gate_(options_.concurrency),
      clients_(services.resolver, options_.http) {}

WebhookDelivery::~WebhookDelivery() = default;

template <class F>
Task<std::invoke_result_t<F>> WebhookDelivery::offload(const Job& job, std::uint64_t size, F work) {
  if (size <= options_.offload_from) co_return work();
  // Accounts take turns, so that one with much large mail does not delay the others.
  const bool heavy = size > options_.heavy_from;
  const net::Turn turn{.account = job.webhook->account_id,
                       .patience = heavy ? heavy_wait : milliseconds(0)};
  const Clock::time_point came = Clock::now();
  auto timed = [&job, came, work = std::move(work)]() mutable {
    job.held_up += std::chrono::duration_cast<milliseconds>(Clock::now() - came);
    return work();
  };
  auto done = co_await (heavy ? services_.heavy : services_.workers).run(turn, std::move(timed));
  if (!done) co_return tl::unexpected<Error>(busy());
  co_return std::move(*done);
}

void WebhookDelivery::record(const Job& job, DeliveryOutcome& outcome) {
  outcome.duration = std::chrono::duration_cast<milliseconds>(Clock::now() - job.start);
  outcome.log_id = new_id("log_");
  std::optional<Time> next = outcome.reply.temporary() ? job.next_attempt : std::nullopt;
  if (next && outcome.retry_after)
    next = std::max(*next, Time::clock::now() + *outcome.retry_after);
  const DeliveryFacts facts{.evidence = job.evidence,
                            .webhook = *job.webhook,
                            .received_at = job.received_at,
                            .size = job.size != 0 ? job.size : job.message.size(),
                            .message_id = job.message_id,
                            .simulated = job.simulated,
                            .attempt = job.attempt,
                            .next_attempt = next,
                            .trace_id = job.trace_id};
  services_.log.append(log_record(facts, outcome));
  report(facts, outcome);
}

Task<DeliveryOutcome> WebhookDelivery::deliver(const policy::Evidence& evidence,
                                               spool::Body& message, Time received_at,
                                               std::string trace_id) {
  Job job{.evidence = evidence, .message = message, .received_at = received_at};
  job.trace_id = std::move(trace_id);
  const policy::Recipient* const subject = evidence.subject();
  if (subject != nullptr && subject->route.webhook)
    job.webhook = services_.directory.webhook(subject->route.webhook->id);
  if (!job.webhook)
    co_return DeliveryOutcome{.reply = {550, {5, 2, 1}, "no such webhook any more"},
                              .failed_control = "deleted"};
  if (!job.webhook->is_active) {
    DeliveryOutcome refused{.reply = {550, {5, 2, 1}, "the webhook is not active"},
                            .failed_control = "inactive"};
    record(job, refused);
    co_return refused;
  }
  if (options_.disposition == Disposition::discard) {
    DeliveryOutcome dropped{.message_id = new_id("msg_")};
    dropped.reply = {250, {2, 0, 0}, "accepted " + dropped.message_id};
    co_return dropped;
  }
  if (evidence.message) job.message_id = evidence.message->message_id;
  DeliveryOutcome outcome = co_await recorded(job, [this, &job] { return attempt(job); });
  co_return outcome;
}

/// Turns exceptions into outcomes.
template <class Work>
Task<DeliveryOutcome> WebhookDelivery::recorded(const Job& job, Work work) {
  DeliveryOutcome outcome;
  try {
    outcome = co_await work();
  } catch (const std::exception& thrown) {
    outcome = own_trouble({Fault::bug, thrown.what()});
  }
  record(job, outcome);
  co_return outcome;
}

Task<DeliveryOutcome> WebhookDelivery::simulate(std::shared_ptr<const policy::Webhook> webhook,
                                                const policy::Evidence& evidence,
                                                spool::Body& message, Time received_at) {
  Job job{.evidence = evidence,
          .message = message,
          .received_at = received_at,
          .simulated = true,
          .webhook = std::move(webhook)};
  DeliveryOutcome outcome = co_await recorded(job, [this, &job] { return attempt(job); });
  co_return outcome;
}

Task<Result<Payload>> WebhookDelivery::build(const Job& job, std::string* id) {
  // Linked files are flushed to disk, whatever their size.
  const bool writes_files = job.webhook->attachments == policy::AttachmentMode::link ||
                            job.webhook->include_raw == policy::RawMode::link;
  const std::uint64_t weight =
      std::max(job.message.size(), writes_files ? options_.offload_from + 1 : 0);
  co_return co_await offload(job, weight, [this, &job, id]() -> Result<Payload> {
    const Result<std::string_view> message = job.message.view();
    if (!message) return tl::unexpected<Error>(message.error());
    *id =
        job.simulated ? new_id("msg_") : message_identity(job.webhook->id, job.evidence, *message);
    const MessageIdentity identity{.id = *id,
                                   .webhook_id = job.webhook->id,
                                   .received_at = job.received_at,
                                   .simulated = job.simulated};
    PayloadOptions options = options_for(*job.webhook, options_.payload);
    if (options_.make_message_id) {
      options.message_id_domain = job.webhook->address.substr(job.webhook->address.rfind('@') + 1);
    }
    return build_payload(*message, job.evidence, identity, options);
  });
}

/// Builds the payload and applies the template. On an error `refused` has its DeliveryOutcome.
Task<Result<WebhookDelivery::Prepared>> WebhookDelivery::made(const Job& job,
                                                              DeliveryOutcome& refused) {
  std::string id;
  Result<Payload> payload = co_await build(job, &id);
  if (!payload) {
    refused = own_trouble(payload.error());
    co_return tl::unexpected<Error>(payload.error());
  }
  Prepared prepared{std::move(id), std::move(*payload)};
  if (job.webhook->payload_template.empty() || job.webhook->target_url == inbox_target) {
    co_return Result<Prepared>(std::move(prepared));
  }
  // The parsed payload, the template's view of it, and the output.
  MemoryCharge charge(services_.memory);
  if (!charge.set(template_copies * prepared.payload.body.size())) {
    const Error full{Fault::temporary,
                     "limits.memory is used up: the payload template has no room"};
    refused = own_trouble(full);
    co_return tl::unexpected<Error>(full);
  }
  const Result<void> shaped = co_await offload(
      job, prepared.payload.body.size(), [this, &job, &prepared, &charge]() -> Result<void> {
        return apply_template(*job.webhook, options_.payload.temporary_directory, prepared.payload,
                              charge);
      });
  if (!shaped && has_no_room(shaped.error())) {
    refused = own_trouble(shaped.error());
    refused.message_id = std::move(prepared.id);
    co_return tl::unexpected<Error>(shaped.error());
  }
  if (!shaped) {
    refused = DeliveryOutcome{.reply = {450, {4, 3, 0}, "the webhook's payload template failed"},
                              .message_id = std::move(prepared.id)};
    refused.error = "payload template: " + shaped.error().message;
    co_return tl::unexpected<Error>(shaped.error());
  }
  co_return Result<Prepared>(std::move(prepared));
}

Task<Result<WebhookDelivery::Prepared>> WebhookDelivery::prepare(const policy::Evidence& evidence,
                                                                 spool::Body& message,
                                                                 Time received_at,
                                                                 DeliveryOutcome& refused) {
  Job job{.evidence = evidence, .message = message, .received_at = received_at};
  job.webhook = services_.directory.webhook(evidence.subject()->route.webhook->id);
  if (evidence.message) job.message_id = evidence.message->message_id;
  refused = {};
  refused.reply.code = 0;
  if (!job.webhook) {
    refused.reply = {550, {5, 2, 1}, "no such webhook any more"};
    co_return fail(Fault::not_found, refused.reply.text);
  }
  bool has_token = true;
  // One token per message: retries are not new mail.
  if (job.webhook->is_active) has_token = co_await take_token(*job.webhook);
  if (!job.webhook->is_active) {
    refused.reply = {550, {5, 2, 1}, "the webhook is not active"};
    refused.failed_control = "inactive";
  } else if (!has_token) {
    refused.reply = {450, {4, 2, 1}, "the webhook's rate limit is reached, try again later"};
    refused.failed_control = "rate_limit";
  }
  if (refused.reply.code != 0) {
    record(job, refused);
    co_return fail(Fault::denied, refused.reply.text);
  }
  try {
    Result<Prepared> prepared = co_await made(job, refused);
    if (!prepared) record(job, refused);
    co_return prepared;
  } catch (const std::exception& thrown) {
    refused = own_trouble({Fault::bug, thrown.what()});
  }
  record(job, refused);
  co_return fail(Fault::bug, *refused.error);
}

Task<DeliveryOutcome> WebhookDelivery::redeliver(const Attempt& attempt, spool::Body payload) {
  Job job{.evidence = attempt.evidence, .message = payload, .received_at = attempt.received_at};
  job.attempt = attempt.number;
  job.next_attempt = attempt.next;
  job.trace_id = attempt.trace_id;
  job.webhook = services_.directory.webhook(attempt.webhook_id);
  if (!job.webhook) {
    co_return DeliveryOutcome{.reply = {550, {5, 2, 1}, "no such webhook any more"},
                              .failed_control = "deleted"};
  }
  if (job.evidence.message) {
    job.message_id = job.evidence.message->message_id;
    job.size = job.evidence.message->size;
  }
  if (!job.webhook->is_active) {
    // Mail for a deactivated webhook waits as if the endpoint did not respond.
    DeliveryOutcome waits{.reply = {450, {4, 2, 1}, "the webhook is not active"},
                          .failed_control = "inactive"};
    record(job, waits);
    co_return waits;
  }
  DeliveryOutcome outcome =
      co_await recorded(job, [this, &job, &attempt, &payload]() -> Task<DeliveryOutcome> {
        if (job.webhook->target_url == inbox_target) {
          const Result<std::string_view> octets = payload.view();
          if (!octets) co_return own_trouble(octets.error());
          std::string subject = subject_of(*octets);
          co_return co_await put(job, attempt.id, std::move(subject), std::move(payload), nullptr);
        }
        const DeliveryGate::Place place = co_await gate_.enter(job.webhook->id, job.left());
        if (!place) {
          co_return outcome_of({.trouble = net::HttpTrouble::timeout,
                                .detail = "too many deliveries of this webhook under way"},
                               attempt.id);
        }
        if (attempt.may_send) {
          if (Result<void> may = attempt.may_send(); !may) co_return own_trouble(may.error());
        }
        co_return co_await post(job, attempt.id, std::move(payload), job.webhook);
      });
  co_return outcome;
}

Task<DeliveryOutcome> WebhookDelivery::attempt(const Job& job) {
  DeliveryOutcome refused;
  Result<Prepared> prepared = co_await made(job, refused);
  if (!prepared) co_return refused;
  std::string id = std::move(prepared->id);
  if (job.webhook->target_url == inbox_target) {
    // Building the payload may have taken a while, so look up the webhook again.
    const auto now = job.simulated ? job.webhook : services_.directory.webhook(job.webhook->id);
    if (!now || !now->is_active) co_return not_active();
    co_return co_await keep(job, std::move(id), std::move(prepared->payload));
  }
  const DeliveryGate::Place place = co_await gate_.enter(job.webhook->id, job.left());
  if (!place)
    co_return outcome_of({.trouble = net::HttpTrouble::timeout,
                          .detail = "too many deliveries of this webhook under way"},
                         id);
  // Waiting may have taken a while: use the current secret and target.
  std::shared_ptr<const policy::Webhook> webhook =
      job.simulated ? job.webhook : services_.directory.webhook(job.webhook->id);
  if (!webhook || !webhook->is_active) co_return not_active();
  // Last, so that refused mail takes no token.
  bool has_token = true;
  if (!job.simulated) has_token = co_await take_token(*webhook);
  if (!has_token)
    co_return DeliveryOutcome{
        .reply = {450, {4, 2, 1}, "the webhook's rate limit is reached, try again later"},
        .failed_control = "rate_limit"};
  const std::unique_ptr<LinkedFiles> files = std::move(prepared->payload.files);
  if (files) files->leave();  // from here on the endpoint may have the message
  DeliveryOutcome outcome =
      co_await post(job, std::move(id), std::move(prepared->payload.body), std::move(webhook));
  if (files) co_await settle(*files, outcome);
  co_return outcome;
}

Task<DeliveryOutcome> WebhookDelivery::post(const Job& job, std::string id, spool::Body payload,
                                            std::shared_ptr<const policy::Webhook> webhook) {
  if (webhook->is_unreadable) {
    co_return own_trouble({Fault::permanent, "the database has a webhook that cannot be read"});
  }
  const Result<std::string_view> body = payload.view();
  if (!body) co_return own_trouble(body.error());
  const Time now = std::chrono::system_clock::now();
  const SigningKeys keys = SigningKeys::of(*webhook, now);
  Result<net::HttpHeaders> signature = co_await offload(
      job, payload.size(),
      [&keys, &id, now, octets = *body] { return sign(keys, id, unix_seconds(now), octets); });
  if (!signature) co_return own_trouble(signature.error());
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  net::HttpClient& client = clients_.of(executor);
  net::OutgoingRequest request{.url = webhook->target_url,
                               .headers = request_headers(*webhook, std::move(*signature)),
                               .body = body_of(*body),
                               .timeout = std::max(job.left(), milliseconds(1))};
  const net::HttpResult result = co_await client.send(std::move(request));
  co_return outcome_of(result, id);
}

Task<smtp::Reply> WebhookDelivery::test_reply(const Job& job) {
  const smtp::Reply none{.code = 0};
  if (!options_.test_recipients || job.evidence.recipients.empty()) co_return none;
  const policy::Recipient& recipient = job.evidence.recipients.front();
  const std::string wish = recipient.route.tag.value_or(recipient.address.local_part);
  if (wish == "451") co_return smtp::Reply{451, {4, 3, 0}, "test: try again later"};
  if (wish == "550") co_return smtp::Reply{550, {5, 7, 1}, "test: refused"};
  if (wish != "timeout") co_return none;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, job.left());
  co_await timer.async_wait(asio::use_awaitable);
  co_return smtp::Reply{450, {4, 4, 1}, "test: no answer in time"};
}

/// This gateway's bucket keeps the rate even; what all gateways admit in a minute is counted
/// together.
Task<bool> WebhookDelivery::take_token(const policy::Webhook& webhook) {
  if (!services_.rates.take(webhook.id, webhook.rate_limit_per_minute)) co_return false;
  co_return !co_await net::counted(services_.limits, rate_of(webhook), webhook.id);
}

Task<DeliveryOutcome> WebhookDelivery::keep(const Job& job, std::string id, Payload payload) {
  bool has_token = true;
  if (!job.simulated) has_token = co_await take_token(*job.webhook);
  if (!has_token)
    co_return DeliveryOutcome{
        .reply = {450, {4, 2, 1}, "the webhook's rate limit is reached, try again later"},
        .failed_control = "rate_limit"};
  smtp::Reply test = co_await test_reply(job);
  if (test.code != 0)
    co_return DeliveryOutcome{
        .reply = std::move(test), .message_id = std::move(id), .error = "test recipient"};
  co_return co_await put(job, std::move(id), std::move(payload.subject), std::move(payload.body),
                         payload.files.get());
}

Task<DeliveryOutcome> WebhookDelivery::put(const Job& job, std::string id, std::string subject,
                                           spool::Body payload, LinkedFiles* files) {
  spool::InboxMessage message{.id = id,
                              .webhook_id = job.webhook->id,
                              .account = job.webhook->account_id,
                              .received_at = job.received_at,
                              .subject = std::move(subject),
                              .links = files != nullptr ? files->name() : std::string()};
  if (job.evidence.reverse_path) message.sender = job.evidence.reverse_path->text();
  // A 250 promises that the message is stored. No worker thread waits for the disk.
  auto stored = co_await queue::stored<spool::InboxPut>([&](spool::Inbox::Done done) {
    services_.inbox.put(std::move(message), std::move(payload), job.webhook->inbox, store::now(),
                        std::move(done));
  });
  // After a permanent error it is unknown whether the message was stored.
  const bool mine = stored ? stored->answer == spool::InboxAnswer::taken && !stored->known
                           : stored.error().fault == Fault::permanent;
  if (files != nullptr && mine) files->leave();
  if (!stored) co_return own_trouble(stored.error());
  telemetry::metrics().inbox_aged_out.counter({}).add(stored->aged_out);
  if (stored->answer != spool::InboxAnswer::taken) {
    co_return inbox_refusal(job, stored->answer, std::move(id));
  }
  net::HttpResult taken{.status = 200};
  co_return outcome_of(taken, id);
}

DeliveryOutcome WebhookDelivery::inbox_refusal(const Job& job, spool::InboxAnswer answer,
                                               std::string id) {
  DeliveryOutcome refused{.message_id = std::move(id), .failed_control = "inbox_full"};
  const auto count = [](std::string_view reason) {
    telemetry::metrics().inbox_refusals.counter({reason}).add();
  };
  const policy::InboxLimits& limits = job.webhook->inbox;
  switch (answer) {
    case spool::InboxAnswer::storage:  // mail system full: X.3.1 (RFC 3463 §3.4)
      refused.reply = policy::replies::no_room();
      refused.error =
          "all inboxes together hold `inbox.max_size`, or the account holds its share of it";
      count("storage");
      break;
    case spool::InboxAnswer::too_large:  // larger than the mailbox limit: X.2.3 (RFC 3463 §3.3)
      refused.reply = {552, {5, 2, 3}, "the message is larger than this inbox"};
      refused.error = fmt::format(
          "the payload and its linked files are larger than inbox_max_octets, {}", limits.octets);
      count("too_large");
      break;
    case spool::InboxAnswer::taken:
    case spool::InboxAnswer::full:  // mailbox full: X.2.2 (RFC 3463 §3.3)
      refused.reply = {452, {4, 2, 2}, "the inbox is full"};
      refused.error = fmt::format("the inbox is full: it keeps {} messages, {} octets",
                                  limits.messages, limits.octets);
      count("full");
  }
  return refused;
}

}  // namespace postern::deliver
