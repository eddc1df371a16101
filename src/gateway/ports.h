// What the gateway hands on and asks for, as the interfaces its neighbours fill (src/app wires
// them).
#pragma once

#include <optional>
#include <string>

#include "base/task.h"
#include "policy/evidence.h"
#include "policy/trace.h"
#include "smtp/reply.h"
#include "spool/body.h"

namespace postern::gateway {

/// Where an accepted message goes.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// What the decisions say about a message that they let through.
  struct Ruling {
    std::string trace_id;                   ///< empty: nothing was decided
    std::optional<std::string> quarantine;  ///< why it is to be held
    /// A rule that speaks after acceptance refuses it: a temporary reply holds it for an operator,
    /// a permanent one makes it a dead letter. Code 0: none does.
    smtp::Reply afterwards{.code = 0, .enhanced = {}, .text = {}};
  };
  /// A message, or what scripts made of one for some of its recipients. Both belong to the awaiting
  /// transaction.
  struct Copy {
    const policy::Evidence* evidence;
    spool::Body* message;
  };
  /// Takes all copies of a message, at least one, and says what the client is told. A positive
  /// reply is a promise. Without one nothing of it is kept: what goes to the queue goes there in
  /// one commit. Only a webhook that is asked at once may have had its copy by then; the client's
  /// next attempt bears the same webhook-id.
  virtual Task<smtp::Reply> take(std::vector<Copy> copies, Ruling ruling) = 0;
  /// What is certain before there is a message: why mail for this recipient cannot be passed on.
  virtual std::optional<smtp::Reply> refusal(const policy::Recipient& recipient) const = 0;
  /// What keeps a message of so many octets from being taken now (452 4.3.1, 451 4.3.0).
  virtual std::optional<smtp::Reply> trouble(std::uint64_t octets) const = 0;
  enum class QueueRun : std::uint8_t {
    started,
    recent,  ///< not again: it was started a moment ago
    cannot,  ///< for now
  };
  /// ETRN (RFC 1985): begins to try what is queued for a domain.
  virtual QueueRun run_queue(const std::string& /*domain*/) { return QueueRun::cannot; }
};

/// Keeps traces and refusals. Called on event loops: it must not block.
class TransactionRecorder {
 public:
  virtual ~TransactionRecorder() = default;
  virtual void ended(policy::Trace trace) = 0;
};

/// How many deliveries a webhook's rate limit has left; asked when a policy needs to know.
class RateProbe {
 public:
  virtual ~RateProbe() = default;
  virtual double tokens(const policy::Webhook& webhook) = 0;
};

}  // namespace postern::gateway
