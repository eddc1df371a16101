// Webhooks in queued mode: a message becomes a payload in the spool, and the queue sends it until
// the endpoint has taken it (docs/delivery.md).
#pragma once

#include <functional>
#include <string>

#include "deliver/webhook_delivery.h"
#include "queue/courier.h"

namespace postern::deliver {

class QueuedWebhooks final : public queue::Courier {
 public:
  /// Called when an endpoint says that it is gone for good (HTTP 410). Must not wait.
  using Gone = std::function<void(const policy::Webhook& webhook)>;

  /// All are borrowed. `directory` takes payloads under way that are large.
  QueuedWebhooks(WebhookDelivery& delivery, const policy::Directory& webhooks,
                 std::string directory, Gone gone)
      : delivery_(delivery),
        webhooks_(webhooks),
        directory_(std::move(directory)),
        gone_(std::move(gone)) {}

  /// What the spool keeps of a message: envelope and payload. `envelope` comes with the trace's id,
  /// and with a state if it is not to be queued. Fault and `refused` when there is nothing to keep.
  struct Kept {
    std::string id;  ///< the webhook-id
    spool::Envelope envelope;
    spool::Body body;
    std::unique_ptr<LinkedFiles> files;  ///< what the payload links to; null without links
  };
  Task<Result<Kept>> keep(const policy::Evidence& evidence, spool::Body& message,
                          WebhookDelivery::Time received_at, const std::string& trace_id,
                          spool::State state, Outcome& refused);

  Task<queue::Carried> carry(const queue::Errand& errand, queue::Text& text) override;

 private:
  WebhookDelivery& delivery_;
  const policy::Directory& webhooks_;
  const std::string directory_;
  const Gone gone_;
};

}  // namespace postern::deliver
