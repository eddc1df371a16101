// Delivers messages to webhooks. In sync mode the endpoint's response becomes the reply to the SMTP
// client; in queued mode the payload is built when the message arrives and sent from the queue.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/memory_budget.h"
#include "base/shared_limits.h"
#include "deliver/delivery_gate.h"
#include "deliver/outcome.h"
#include "deliver/payload.h"
#include "deliver/rate_limiter.h"
#include "dns/resolver.h"
#include "net/http_client.h"
#include "net/work_pool.h"
#include "policy/directory.h"
#include "spool/inbox.h"
#include "store/delivery_log.h"

namespace postern::deliver {

/// Of messages that all gateways of a cluster count together, for SharedLimits.
inline constexpr std::string_view webhook_rate_kind = "webhook_per_minute";
/// How many of them a webhook's rate limit allows.
inline SharedLimits::Limit rate_of(const policy::Webhook& webhook) {
  return {.kind = webhook_rate_kind,
          .most = webhook.rate_limit_per_minute,
          .window = std::chrono::minutes(1)};
}

/// What to do with messages for webhooks.
enum class Disposition {
  deliver,  ///< the normal case
  discard,  ///< accept and drop: nothing is built, sent or logged
};

/// Settings of all webhooks.
struct DeliveryOptions {
  net::HttpClientOptions http;  ///< of the HTTP client
  /// What no webhook sets itself: limits, attachment store, temporary directory, authserv-id.
  PayloadOptions payload;
  std::size_t concurrency = 10;                    ///< concurrent deliveries per webhook
  Disposition disposition = Disposition::deliver;  ///< discard: for load tests
  /// Webhooks with target "inbox" reply by the recipient's local part or tag: `451@`, `550@`,
  /// `timeout@`.
  bool test_recipients = false;
  /// A message without a Message-ID gets one in the domain of the webhook's address.
  bool make_message_id = true;
  /// Messages over this many octets are processed on a worker thread.
  std::uint64_t offload_from = 64 * 1024;
  /// Messages over this many octets are processed on separate threads, so that payloads that take
  /// seconds do not delay other mail.
  std::uint64_t heavy_from = 1024 * 1024;
};

/// What a delivery uses; everything must outlive it.
struct DeliveryServices {
  const policy::Directory& directory;  ///< current webhooks
  dns::Resolver& resolver;             ///< for targets
  net::WorkPool& workers;              ///< for messages over DeliveryOptions::offload_from
  net::WorkPool& heavy;                ///< for messages over DeliveryOptions::heavy_from
  RateLimiter& rates;                  ///< tokens per webhook
  SharedLimits* limits;                ///< of all gateways of a cluster; null: there are none
  store::DeliveryLog& log;             ///< every attempt is recorded
  spool::Inbox& inbox;                 ///< for target "inbox"
  MemoryBudget& memory;                ///< charged for what a delivery needs beyond its transaction
};

/// One object per process, called on event loops that run on one thread each. Each loop gets its
/// own HTTP client at its first delivery. Destroy this after the loops have stopped and before they
/// are destroyed.
class WebhookDelivery {
 public:
  /// As in the spool.
  using Time = std::chrono::system_clock::time_point;

  /// Nothing is sent yet.
  WebhookDelivery(DeliveryServices services, DeliveryOptions options);
  ~WebhookDelivery();
  WebhookDelivery(const WebhookDelivery&) = delete;
  WebhookDelivery& operator=(const WebhookDelivery&) = delete;

  /// Delivers an accepted message to the webhook of its first recipient. Never throws: an internal
  /// failure is a 451 or 452. `trace_id` goes into the delivery log. `evidence` and `message`
  /// belong to the awaiting transaction and must outlive the call.
  Task<DeliveryOutcome> deliver(const policy::Evidence& evidence, spool::Body& message,
                                Time received_at, std::string trace_id = {});

  /// What the queue stores for a message.
  struct Prepared {
    std::string id;   ///< the webhook-id of all attempts
    Payload payload;  ///< to be sent
  };
  /// Builds the payload of a message for the queue. On an error `refused` has the reply for the
  /// client.
  Task<Result<Prepared>> prepare(const policy::Evidence& evidence, spool::Body& message,
                                 Time received_at, DeliveryOutcome& refused);

  /// A delivery attempt from the queue.
  struct Attempt {
    std::string webhook_id;            ///< wh_
    std::string id;                    ///< of Prepared
    const policy::Evidence& evidence;  ///< as recorded when the message came
    Time received_at;                  ///< when the message came
    std::uint32_t number = 1;          ///< counts from 1
    /// Time of the next attempt if this one fails; nullopt: it is the last.
    std::optional<Time> next;
    std::string trace_id = {};  ///< "" if there is none
    /// Asked right before the request; an error is the outcome. Null: nothing is asked.
    std::function<Result<void>()> may_send = nullptr;
  };
  /// Sends a queued payload once and records the attempt. Never throws.
  Task<DeliveryOutcome> redeliver(const Attempt& attempt, spool::Body payload);

  /// POSTs a message made through the API, without rate limit; the log record is a simulation.
  /// `evidence` has only an envelope.
  Task<DeliveryOutcome> simulate(std::shared_ptr<const policy::Webhook> webhook,
                                 const policy::Evidence& evidence, spool::Body& message,
                                 Time received_at);

 private:
  struct Job;

  template <class Work>
  Task<DeliveryOutcome> recorded(const Job& job, Work work);
  Task<Result<Prepared>> made(const Job& job, DeliveryOutcome& refused);
  Task<DeliveryOutcome> attempt(const Job& job);
  Task<DeliveryOutcome> post(const Job& job, std::string id, spool::Body payload,
                             std::shared_ptr<const policy::Webhook> webhook);
  Task<bool> take_token(const policy::Webhook& webhook);
  Task<DeliveryOutcome> keep(const Job& job, std::string id, Payload payload);
  /// `files`: the linked files; null if unknown here.
  Task<DeliveryOutcome> put(const Job& job, std::string id, std::string subject,
                            spool::Body payload, LinkedFiles* files);
  Task<Result<Payload>> build(const Job& job, std::string* id);
  DeliveryOutcome inbox_refusal(const Job& job, spool::InboxAnswer answer, std::string id);
  Task<smtp::Reply> test_reply(const Job& job);
  template <class F>
  Task<std::invoke_result_t<F>> offload(const Job& job, std::uint64_t size, F work);
  void record(const Job& job, DeliveryOutcome& outcome);

  DeliveryServices services_;
  const DeliveryOptions options_;
  DeliveryGate gate_;
  net::HttpClients clients_;
};

}  // namespace postern::deliver
