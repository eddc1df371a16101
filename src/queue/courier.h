// What the queue asks of those who deliver: webhooks, next hops, folders.
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

/// The octets of a stored message, read in pieces and from the start again if need be. Reading
/// waits for the disk. One at a time; the spool outlives it.
class Text {
 public:
  Text(spool::Spool& spool, spool::MessageId id, spool::BodyReader reader);

  std::uint64_t size() const { return size_; }
  /// The octets from `offset` on, at most `room`; empty at the end, and when they cannot be read:
  /// then trouble() says why. Valid until the next call, which tries again unless it is damaged.
  std::string_view read(std::uint64_t offset, std::size_t room);
  /// Gives back memory and descriptor; what is read then is opened again.
  void release();
  /// Fault::permanent: the stored octets are not those that were stored.
  const std::optional<Error>& trouble() const { return trouble_; }
  bool damaged() const { return trouble_ && trouble_->fault == Fault::permanent; }

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

/// One attempt: some recipients of one message, all at one destination.
struct Errand {
  const spool::Message& message;
  const spool::Destination& destination;
  /// Places in the envelope; never empty.
  const std::vector<std::uint32_t>& recipients;
  std::uint32_t attempt = 1;
  std::chrono::system_clock::time_point started;
  /// When the next attempt would be, should this one fail; nullopt: it is the last.
  std::optional<std::chrono::system_clock::time_point> next_attempt;
  /// The attempt should be over by then, as far as its result stays certain.
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
};

/// What became of it. `results` and `remotes` are parallel to the errand's recipients; results of
/// class none count as temporary, and what is missing at the end is as such a one.
struct Carried {
  std::vector<smtp::RecipientResult> results;
  relay::Contact contact = relay::Contact::answered;
  std::vector<std::string> remotes;  ///< who answered; empty: nobody
  /// Not before so long from now, says the other side.
  std::optional<std::chrono::seconds> retry_after;
};

/// Delivers. Called on the queue's event loop, many at a time; what waits for a disk or computes
/// long goes elsewhere. Exceptions count as trouble of ours: temporary.
class Courier {
 public:
  virtual ~Courier() = default;
  virtual Task<Carried> carry(const Errand& errand, Text& text) = 0;
};

/// What became of a report: it is in the spool, or none is due and the sender hears nothing.
enum class Told : std::uint8_t { stored, not_due };

/// What senders are told (RFC 3464). Called on the queue's event loop, and waits for the disk.
class Reporter {
 public:
  enum class Event : std::uint8_t { failed, delayed };
  struct Report {
    spool::Envelope envelope;
    spool::Body body;
  };
  virtual ~Reporter() = default;
  /// The report about recipients of a message, or nullopt when none is due. An error, of whatever
  /// fault: one is or may be due and cannot be made now, so that the message may not go.
  virtual Result<std::optional<Report>> report(Event event, const Errand& errand,
                                               const Carried& carried, Text& text) = 0;
  /// The last report about `errand` could not be stored: nobody gets it.
  virtual void lost(const Errand& errand) = 0;
};

}  // namespace postern::queue
