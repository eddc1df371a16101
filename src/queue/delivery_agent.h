// The interface between the queue and the couriers that deliver: to webhooks, next hops and
// folders.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "relay/scheduler.h"
#include "smtp/outbound.h"
#include "spool/spool.h"

namespace postern::queue {

/// The octets of a stored message, read in pieces; reading can start again. Reading blocks on the
/// disk. Use it in one thread at a time; the spool must outlive it.
class Text {
 public:
  /// `reader` is at the start of the body of `id`.
  Text(spool::Spool& spool, spool::MessageId id, spool::BodyReader reader);

  /// Octets of the message.
  std::uint64_t size() const { return size_; }
  /// The octets from `offset` on, at most `room`. Empty at the end, and on an error, which
  /// trouble() returns. Valid until the next call, which tries again after an error unless the body
  /// is damaged.
  std::string_view read(std::uint64_t offset, std::size_t room);
  /// Frees memory and descriptor; the next read opens the body again.
  void release();
  /// As Spool::may_deliver(), which every read() asks first: ask it again before the step that
  /// cannot be taken back, when time has passed since the last one.
  Result<void> may_deliver() const { return spool_.may_deliver(); }
  /// The last error; Fault::damaged: the octets are not those that were stored.
  const std::optional<Error>& trouble() const { return trouble_; }
  /// Whether the stored body is damaged.
  bool damaged() const { return trouble_ && trouble_->fault == Fault::damaged; }

 private:
  void rewind();

  spool::Spool& spool_;
  spool::MessageId id_;
  std::optional<spool::BodyReader> reader_;
  std::uint64_t size_ = 0;
  std::uint64_t start_ = 0;  ///< of `piece_`
  std::string_view piece_;
  std::optional<Error> trouble_;
};

/// One delivery attempt: recipients of one message with the same destination. The references must
/// outlive the attempt.
struct DeliveryTask {
  const spool::Message& message;          ///< the message
  const spool::Destination& destination;  ///< where it goes
  /// Indexes into the envelope; never empty.
  const std::vector<std::uint32_t>& recipients;
  std::uint32_t attempt = 1;                      ///< counts from 1
  std::chrono::system_clock::time_point started;  ///< when the attempt began
  /// When the next attempt is due if this one fails; nullopt: this is the last.
  std::optional<std::chrono::system_clock::time_point> next_attempt;
  /// The attempt should end by this time, unless its result would become uncertain.
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
};

/// The result of an attempt. `results` and `remotes` are parallel to the recipients of the task.
/// A missing result, or one of class none, counts as temporary.
struct Carried {
  std::vector<smtp::RecipientResult> results;         ///< one for each recipient
  relay::Contact contact = relay::Contact::answered;  ///< what the scheduler learns
  std::vector<std::string> remotes;                   ///< the hosts that replied; empty: none
  /// The other side asks not to be tried again before this time has passed.
  std::optional<std::chrono::seconds> retry_after;
};

/// Delivers messages. Called on the queue's event loop, for many messages concurrently; an
/// implementation must not block the loop. An exception counts as a temporary error of this host.
class DeliveryAgent {
 public:
  virtual ~DeliveryAgent() = default;
  /// Makes one attempt. The references outlive the await.
  virtual Task<Carried> carry(const DeliveryTask& task, Text& text) = 0;
};

/// What became of a report: it was stored in the spool, or none is due.
enum class Told : std::uint8_t { stored, not_due };

/// Makes the reports for senders (RFC 3464 §2). Called on the queue's event loop; it may block on
/// the disk.
class Reporter {
 public:
  /// The event that a report covers.
  enum class Event : std::uint8_t { failed, delayed };
  /// A report as a message for the spool.
  struct Report {
    spool::Envelope envelope;  ///< with the null reverse-path
    spool::Body body;          ///< header and body
  };
  virtual ~Reporter() = default;
  /// The report about recipients of a message, or nullopt when none is due. Any error means that a
  /// report is or may be due and cannot be made now; the message must stay in the queue.
  virtual Result<std::optional<Report>> report(Event event, const DeliveryTask& task,
                                               const Carried& carried, Text& text) = 0;
  /// The last report about `task` could not be stored, so it is not sent.
  virtual void lost(const DeliveryTask& task) = 0;
};

}  // namespace postern::queue
