// The interfaces through which the gateway reaches its neighbours; src/serve implements them.
#pragma once

#include <optional>
#include <string>

#include "base/task.h"
#include "policy/evidence.h"
#include "policy/trace.h"
#include "smtp/reply.h"
#include "spool/body.h"

namespace postern::gateway {

/// Takes accepted messages. Called on event loops by all sessions: thread-safe.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// What the decisions say about a message that they accept.
  struct Ruling {
    std::string trace_id;                   ///< empty: no decision was made
    std::optional<std::string> quarantine;  ///< why the message is held; nullopt: it is not
    /// The refusal of a rule that runs after acceptance: a temporary reply holds the message for an
    /// operator, a permanent one makes it a dead letter. Code 0: no refusal.
    smtp::Reply afterwards{.code = 0, .enhanced = {}, .text = {}};
  };
  /// A message, or a version of it that scripts made for some of its recipients. The awaiting
  /// transaction owns both members, which are not null.
  struct Copy {
    const policy::Evidence* evidence;  ///< envelope and facts of the copy
    spool::Body* message;              ///< its octets
  };
  /// Takes all copies of a message, at least one, and returns the reply to the client. A positive
  /// reply accepts responsibility (RFC 5321 §4.2.5). Without one, nothing is kept: all that goes to
  /// the queue is written in one commit. Only a synchronous webhook may have had its copy by then;
  /// the client's next attempt has the same webhook-id.
  virtual Task<smtp::Reply> take(std::vector<Copy> copies, Ruling ruling) = 0;
  /// The refusal of a recipient that is certain before there is a message; nullopt: none.
  virtual std::optional<smtp::Reply> refusal(const policy::Recipient& recipient) const = 0;
  /// Why a message of so many octets cannot be taken now (452 4.3.1, 451 4.3.0); nullopt: it can.
  virtual std::optional<smtp::Reply> trouble(std::uint64_t octets) const = 0;
  /// The outcome of run_queue().
  enum class QueueRun : std::uint8_t {
    /// Delivery attempts of queued messages begin.
    started,
    recent,  ///< not again: it was started a moment ago
    cannot,  ///< not possible now
  };
  /// ETRN (RFC 1985 §5): starts delivery attempts of the messages queued for `domain`.
  virtual QueueRun run_queue(const std::string& /*domain*/) { return QueueRun::cannot; }
};

/// Keeps traces and refusals. Called on event loops by all sessions: thread-safe, and it must not
/// block.
class TransactionRecorder {
 public:
  virtual ~TransactionRecorder() = default;
  /// A transaction ended, with or without a message.
  virtual void ended(policy::Trace trace) = 0;
};

/// The state of webhooks' rate limits, read when a policy needs it. Thread-safe.
class RateProbe {
 public:
  virtual ~RateProbe() = default;
  /// Deliveries that are left now.
  virtual double tokens(const policy::Webhook& webhook) = 0;
};

}  // namespace postern::gateway
