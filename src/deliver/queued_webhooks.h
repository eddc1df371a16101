// Webhooks in queued mode: the message's payload is stored in the spool, and the queue sends it
// until the endpoint accepts it (docs/delivery.md).
#pragma once

#include <functional>
#include <string>

#include "deliver/webhook_delivery.h"
#include "queue/delivery_agent.h"

namespace postern::deliver {

/// The courier of queued webhooks.
class QueuedWebhooks final : public queue::DeliveryAgent {
 public:
  /// Called when an endpoint reports that it is permanently gone (HTTP 410, RFC 9110 §15.5.11).
  /// Must not block.
  using Gone = std::function<void(const policy::Webhook& webhook)>;

  /// Everything is borrowed. `directory` is for large payloads in transfer.
  QueuedWebhooks(WebhookDelivery& delivery, const policy::Directory& webhooks,
                 std::string directory, Gone gone)
      : delivery_(delivery),
        webhooks_(webhooks),
        directory_(std::move(directory)),
        gone_(std::move(gone)) {}

  /// What the spool stores for a message.
  struct Kept {
    std::string id;                      ///< the webhook-id
    spool::Envelope envelope;            ///< with the trace's id and one recipient
    spool::Body body;                    ///< the payload
    std::unique_ptr<LinkedFiles> files;  ///< the linked files; null without links
  };
  /// Builds what the spool stores. `state`: of the recipient, if the message is not to be queued.
  /// On an error `refused` has the reply for the client.
  Task<Result<Kept>> keep(const policy::Evidence& evidence, spool::Body& message,
                          WebhookDelivery::Time received_at, const std::string& trace_id,
                          spool::State state, DeliveryOutcome& refused);

  /// One delivery attempt; see queue::DeliveryAgent.
  Task<queue::Carried> carry(const queue::DeliveryTask& task, queue::Text& text) override;

 private:
  WebhookDelivery& delivery_;
  const policy::Directory& webhooks_;
  const std::string directory_;
  const Gone gone_;
};

}  // namespace postern::deliver
