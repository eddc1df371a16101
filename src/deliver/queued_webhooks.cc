#include "deliver/queued_webhooks.h"

#include "policy/record.h"

namespace postern::deliver {
namespace {

constexpr int http_gone = 410;
/// Octets of a payload kept in memory while waiting for its endpoint.
constexpr std::size_t kept_in_memory = 16 * 1024;

/// What an attempt must know about the message.
struct Remembered {
  std::string id;  ///< the webhook-id
  policy::Evidence evidence;
};

Result<Remembered> recall(const std::string& text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string::npos) return fail(Fault::malformed, "no webhook-id is stored");
  auto evidence = policy::read_evidence(std::string_view(text).substr(blank + 1));
  if (!evidence) return tl::unexpected(evidence.error());
  return Remembered{text.substr(0, blank), std::move(*evidence)};
}

smtp::RecipientResult result_of(const DeliveryOutcome& outcome) {
  smtp::RecipientResult result;
  result.klass = outcome.reply.positive()    ? smtp::ResultClass::delivered
                 : outcome.reply.temporary() ? smtp::ResultClass::temporary
                                             : smtp::ResultClass::permanent;
  result.code = outcome.reply.code;
  result.enhanced = outcome.reply.enhanced;
  // The reply is for the SMTP client; the operator of the queue needs the endpoint's response.
  result.text = outcome.error ? *outcome.error : outcome.reply.text;
  return result;
}

relay::Contact contact_of(const DeliveryOutcome& outcome) {
  if (outcome.reply.positive()) return relay::Contact::delivered;
  // The endpoint's state is unknown: send less at a time, but do not pause.
  if (outcome.trouble == net::HttpTrouble::exhausted) return relay::Contact::pushed_back;
  if (outcome.trouble != net::HttpTrouble::none) return relay::Contact::connection_failed;
  if (outcome.http_status == 429) return relay::Contact::pushed_back;
  return relay::Contact::answered;
}

}  // namespace

Task<Result<QueuedWebhooks::Kept>> QueuedWebhooks::keep(
    const policy::Evidence& evidence, spool::Body& message, WebhookDelivery::Time received_at,
    const std::string& trace_id, spool::State state, DeliveryOutcome& refused) {
  auto prepared = co_await delivery_.prepare(evidence, message, received_at, refused);
  if (!prepared) co_return tl::unexpected(prepared.error());
  const policy::Webhook& webhook = *evidence.subject()->route.webhook;
  spool::Envelope envelope{
      .received = received_at,
      .trace_id = trace_id,
      .account = webhook.account_id,
      .evidence = prepared->id + " " + policy::write_evidence(evidence, trace_id)};
  if (evidence.reverse_path) envelope.reverse_path = evidence.reverse_path->text();
  if (evidence.session.auth) envelope.authn_id = evidence.session.auth->username;
  // One POST, whatever the number of recipient addresses.
  envelope.recipients.push_back({.address = webhook.address,
                                 .destination = {spool::RouteKind::webhook, webhook.id},
                                 .state = state});
  co_return Kept{std::move(prepared->id), std::move(envelope), std::move(prepared->payload.body),
                 std::move(prepared->payload.files)};
}

Task<queue::Carried> QueuedWebhooks::carry(const queue::DeliveryTask& task, queue::Text& text) {
  queue::Carried carried;
  const auto all = [&](const smtp::RecipientResult& result) {
    carried.results.assign(task.recipients.size(), result);
  };
  const auto ours = [&](std::string why) {
    all({.klass = smtp::ResultClass::temporary, .enhanced = {4, 3, 0}, .text = std::move(why)});
  };
  Result<Remembered> known = recall(task.message.envelope.evidence);
  if (!known) {
    ours(known.error().message);
    co_return carried;
  }
  spool::Body payload(directory_, kept_in_memory);
  for (std::uint64_t at = 0; at < text.size();) {
    const std::string_view piece = text.read(at, spool::BodyReader::piece);
    if (piece.empty()) {
      ours(text.trouble() ? text.trouble()->message : "the stored payload is cut off");
      co_return carried;
    }
    if (Result<void> kept = payload.append(piece); !kept) {
      ours(kept.error().message);
      co_return carried;
    }
    at += piece.size();
  }
  text.release();
  const auto webhook = webhooks_.webhook(task.destination.key);
  const WebhookDelivery::Attempt attempt{.webhook_id = task.destination.key,
                                         .id = known->id,
                                         .evidence = known->evidence,
                                         .received_at = task.message.envelope.received,
                                         .number = task.attempt,
                                         .next = task.next_attempt,
                                         .trace_id = task.message.envelope.trace_id,
                                         .may_send = [&text] { return text.may_deliver(); }};
  const DeliveryOutcome outcome = co_await delivery_.redeliver(attempt, std::move(payload));
  if (outcome.http_status == http_gone && webhook) gone_(*webhook);
  all(result_of(outcome));
  carried.contact = contact_of(outcome);
  carried.retry_after = outcome.retry_after;
  co_return carried;
}

}  // namespace postern::deliver
