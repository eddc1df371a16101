// A message on its way to its webhook. In sync mode what the endpoint answers is what the SMTP
// client hears; in queued mode the payload is made when the message comes and sent from the queue.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/memory_budget.h"
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

enum class Disposition {
  deliver,
  discard,  ///< accept and drop: nothing is built, sent or logged
};

struct DeliveryOptions {
  net::HttpClientOptions http;
  /// What no webhook sets: limits, attachment store, temporary directory, own names.
  PayloadOptions payload;
  std::size_t concurrency = 10;  ///< deliveries of one webhook at a time
  Disposition disposition = Disposition::deliver;
  /// Inbox webhooks answer by the recipient's local part or tag: `451@`, `550@`, `timeout@`.
  bool test_recipients = false;
  /// A message without a Message-ID gets one in the domain it was sent to.
  bool make_message_id = true;
  /// Messages over this many octets are worked on off the event loop.
  std::uint64_t offload_from = 64 * 1024;
  /// Messages over so many octets have threads of their own: payloads that take seconds to write
  /// leave the others to other mail.
  std::uint64_t heavy_from = 1024 * 1024;
};

/// What a delivery works with; all outlive it.
struct DeliveryServices {
  const policy::Directory& directory;
  dns::Resolver& resolver;
  net::WorkPool& workers;
  net::WorkPool& heavy;  ///< for messages over DeliveryOptions::heavy_from
  RateLimiter& rates;
  store::DeliveryLog& log;
  spool::Inbox& inbox;
  MemoryBudget& memory;  ///< what a delivery takes beyond its transaction is charged there
};

/// One for the process; called on any event loop of one thread. Each loop gets an HTTP client of
/// its own when it first delivers. Destroy it after the loops have stopped and before they are
/// destroyed.
class WebhookDelivery {
 public:
  using Time = std::chrono::system_clock::time_point;

  WebhookDelivery(DeliveryServices services, DeliveryOptions options);
  ~WebhookDelivery();
  WebhookDelivery(const WebhookDelivery&) = delete;
  WebhookDelivery& operator=(const WebhookDelivery&) = delete;

  /// Delivers an accepted message to the webhook of its first recipient. Never throws: trouble of
  /// our own is a 451. `trace_id` goes into the delivery log. `evidence` and `message` belong to
  /// the awaiting transaction.
  Task<Outcome> deliver(const policy::Evidence& evidence, spool::Body& message, Time received_at,
                        std::string trace_id = {});

  /// What a queued message is kept as.
  struct Prepared {
    std::string id;  ///< the webhook-id of every attempt
    Payload payload;
  };
  /// Makes the payload of a message for the queue. `refused` says why not: the reply to the client.
  Task<Result<Prepared>> prepare(const policy::Evidence& evidence, spool::Body& message,
                                 Time received_at, Outcome& refused);

  /// One attempt from the queue.
  struct Attempt {
    std::string webhook_id;
    std::string id;                    ///< of prepare()
    const policy::Evidence& evidence;  ///< as recorded when the message came
    Time received_at;
    std::uint32_t number = 1;
    std::optional<Time> next;  ///< when this one fails
    std::string trace_id = {};
  };
  Task<Outcome> redeliver(const Attempt& attempt, spool::Body payload);

  /// POSTs a message of the API, without rate limit; logged as a simulation. `evidence` has the
  /// envelope only.
  Task<Outcome> simulate(std::shared_ptr<const policy::Webhook> webhook,
                         const policy::Evidence& evidence, spool::Body& message, Time received_at);

 private:
  struct Job;

  template <class Work>
  Task<Outcome> recorded(const Job& job, Work work);
  Task<Result<Prepared>> made(const Job& job, Outcome& refused);
  Task<Outcome> attempt(const Job& job);
  Task<Outcome> post(const Job& job, std::string id, spool::Body payload,
                     std::shared_ptr<const policy::Webhook> webhook);
  Task<Outcome> keep(const Job& job, std::string id, Payload payload);
  /// `files`: what the payload links to; null when that is not known here.
  Task<Outcome> put(const Job& job, std::string id, std::string subject, spool::Body payload,
                    LinkedFiles* files);
  Task<Result<Payload>> build(const Job& job, std::string* id);
  Outcome inbox_refusal(const Job& job, spool::InboxAnswer answer, std::string id);
  Task<smtp::Reply> test_reply(const Job& job);
  template <class F>
  Task<std::invoke_result_t<F>> offload(const Job& job, std::uint64_t size, F work);
  void record(const Job& job, Outcome& outcome);

  DeliveryServices services_;
  const DeliveryOptions options_;
  DeliveryGate gate_;
  net::HttpClients clients_;
};

}  // namespace postern::deliver
