// Accepted messages between their 250 and their delivery. What put() has acknowledged is on stable
// storage: after a crash it is delivered, or visible in the queue.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "spool/body.h"
#include "spool/body_reader.h"

namespace postern::spool {

/// Wall-clock time in whole milliseconds; the spool has no clock of its own for what is due.
using Time = std::chrono::system_clock::time_point;
/// A ULID, never used again: a delivery's Idempotency-Key.
using MessageId = std::string;
/// Grows with each message taken and is never used again, not even when the queue was empty.
using Sequence = std::int64_t;

/// Stored as numbers: never reordered.
enum class RouteKind { webhook = 0, relay = 1, local = 2 };

/// What is delivered together and slowed down together.
struct Destination {
  RouteKind kind = RouteKind::webhook;
  std::string key;  ///< a webhook's id, a next hop, or a domain
  auto operator<=>(const Destination&) const = default;
};

/// Stored as numbers: never reordered. `queued` waits for delivery or is under way; `delivered` and
/// `failed` (given up, and the sender was told) are over; `held` (by an operator), `dead` (given
/// up, kept) and `quarantined` (by a policy, or damaged) stay until somebody decides.
enum class State { queued = 0, delivered = 1, failed = 2, held = 3, dead = 4, quarantined = 5 };

struct Recipient {
  std::string address;
  Destination destination;
  State state = State::queued;  ///< to begin with: not delivered or failed
  std::string notify;           ///< RFC 3461 §4.1; empty: not given
  std::string orcpt;            ///< RFC 3461 §4.2; empty: not given
  std::string quarantine;       ///< whose decision it waits for, in a word; empty without one
  // The spool's:
  std::uint32_t attempts = 0;         ///< begun, the one under way included
  bool claimed = false;               ///< an attempt is under way
  Time next_attempt;                  ///< of a claimed one: when the claim ends
  Time held_at;                       ///< since when an operator holds it
  std::chrono::milliseconds held{0};  ///< how long it was held before: not part of its age
  bool noticed = false;               ///< the sender was told of the delay
  std::string last_reply;  ///< may be given with one that is held or dead to begin with: why
};

struct Envelope {
  MessageId id;  ///< of a caller that names it in the message; empty: put() makes one
  Time received;
  std::string reverse_path;  ///< empty: the null reverse-path
  bool header_8bit = false;  ///< octets above 127 in the header section
  bool body_8bit = false;    ///< and behind it
  bool smtputf8 = false;     ///< RFC 6531
  bool require_tls = false;  ///< RFC 8689
  std::string ret;           ///< RFC 3461 §4.3: FULL, HDRS or empty
  std::string envid;         ///< RFC 3461 §4.4
  std::string trace_id;
  std::string account;   ///< the tenant; may be empty
  std::string authn_id;  ///< who the client proved to be; may be empty
  std::string evidence;  ///< JSON: authentication results and verdicts
  std::vector<Recipient> recipients;
};

struct Mail {
  Envelope envelope;
  Body body;
};

struct Message {
  MessageId id;
  Sequence sequence = 0;
  std::uint64_t size = 0;  ///< octets of the body
  bool in_file = false;    ///< the body is a file of its own
  std::string damage;      ///< why it can never be delivered; empty: it can
  Envelope envelope;       ///< list() leaves `evidence` and `recipients` empty
};

/// The queued recipients that one message has at one destination: what a scheduler schedules.
struct Parcel {
  Sequence sequence = 0;
  std::uint32_t first = 0;  ///< the least index of its recipients
  Destination destination;
  std::string account;
  std::uint32_t attempts = 0;
  Time received;
  Time due;
  std::chrono::milliseconds held{0};
  bool noticed = false;
  bool null_path = false;  ///< its reverse-path is the null one
};

/// A recipient of a message; `index` is its place in the envelope.
struct RecipientKey {
  MessageId message;
  std::uint32_t index = 0;
  auto operator<=>(const RecipientKey&) const = default;
};

struct Claim {
  RecipientKey key;
  std::uint32_t attempt = 0;  ///< counts from 1; settle() wants it back
};

enum class Outcome { delivered, failed, dead, retry, quarantined };

struct Settlement {
  RecipientKey key;
  std::uint32_t attempt = 0;  ///< of the claim; 0: of one that is not under way
  Outcome outcome = Outcome::delivered;
  Time next_attempt;  ///< with Outcome::retry
  /// The last words of the other side, what went wrong, or why it is set aside.
  std::string reply;
  bool extra = false;  ///< with Outcome::retry: the operator's attempt is not counted
};

/// What an operator does to a whole message. `hold` stops queued recipients; `release` queues held
/// and quarantined ones; `retry` makes queued ones due now and queues dead ones; `drop` deletes it.
/// `release` and `retry` of a damaged message, and what finds nothing to do, are Fault::conflict.
enum class Action { hold, release, retry, drop };

/// Messages that meet all of what is set. State, destination, recipient and quarantine are of one
/// and the same recipient; texts are compared octet for octet.
struct ListFilter {
  std::optional<State> state;
  std::optional<Destination> destination;
  std::optional<std::string> account;
  std::optional<std::string> sender;  ///< the reverse-path; empty: the null one
  std::optional<std::string> recipient;
  std::optional<std::string> quarantine;  ///< the word it was set aside with
  std::optional<Time> stored_before;      ///< put() gave the id earlier than this
};

/// Recipients in one state at one destination; a message may count several times.
struct DestinationCount {
  Destination destination;
  State state = State::queued;  ///< queued, held, dead or quarantined
  std::uint64_t recipients = 0;
  Time oldest;  ///< when the message stored first was received
  Time due;     ///< of the next one, with State::queued
};

/// What verify() found. `findings` holds the first 1000.
struct Verification {
  struct Finding {
    MessageId message;  ///< empty: the database itself
    std::string what;
  };
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  std::uint64_t octets = 0;
  /// Files without a message: being written or removed at the moment, else for the next start to
  /// sweep. No mistake.
  std::uint64_t loose_files = 0;
  std::uint64_t wrong = 0;
  std::vector<Finding> findings;
};

/// Safe from any thread. Faults everywhere: `temporary` no room (reply 452 4.3.1), `permanent` the
/// disk failed, is read-only or damaged (451 4.3.0); never an answer of success without a commit.
/// Completions run once, on a thread of the spool or, when refused at once, on the caller's; they
/// must not wait, and the spool must outlive them.
class Spool {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual ~Spool() = default;

  /// Whether a message of so many octets could be taken now: for MAIL FROM, before its data comes.
  virtual Result<void> ready(std::uint64_t octets) const = 0;
  /// Stores a message; `done` means what a 250 says (RFC 5321 §6.1). Never waits for the disk.
  /// Fault::malformed without recipients or with one in a state that is over.
  virtual void put(Envelope envelope, Body body, Done<MessageId> done) = 0;
  /// Stores all of them in one commit, or none: copies that one 250 promises. Ids in their order.
  virtual void put(std::vector<Mail> mails, Done<std::vector<MessageId>> done) = 0;

  /// Of the last message that a process before had stored: those behind it came while this one
  /// runs, whatever the wall clock said. 0 in a spool that was empty.
  virtual Sequence inherited() const = 0;
  /// Parcels of the messages behind `after`, in the order of their sequence: of at most `limit`
  /// messages that are queued for somebody. All of a message's parcels come together. Whoever calls
  /// it again and again with the last sequence sees every message once.
  virtual Result<std::vector<Parcel>> parcels(Sequence after, std::size_t limit) = 0;

  /// Reading waits for the disk, and for no more than an index look-up and the rows returned.
  /// Newest first, those before the message `before` (the last id of the page before; empty: all).
  /// Each filter has its index; what they find is put in order for each page.
  virtual Result<std::vector<Message>> list(const ListFilter& filter, const MessageId& before,
                                            std::size_t limit) = 0;
  virtual Result<std::optional<Message>> get(const MessageId& id) = 0;
  virtual Result<std::optional<Message>> get(Sequence sequence) = 0;
  /// What waits where, in the order of destinations, then states. Reads an index entry for each
  /// queued recipient (a second for some millions): for people and for metrics, not for mail.
  virtual Result<std::vector<DestinationCount>> counts() = 0;
  /// Octets on the disk: the database with its log, and bodies that are files.
  virtual Result<std::uint64_t> size() = 0;
  /// Fault::not_found without such a message, Fault::permanent when its body is damaged: then call
  /// quarantine().
  virtual Result<BodyReader> body(const MessageId& id) = 0;

  /// Begins an attempt for each of `keys` that is due still, and answers with those: of two who
  /// claim the same, one gets it. The claim ends at `until`, when it is due again; after a crash
  /// too, for the attempt has begun and a message that ends the process must not do so at once.
  virtual void claim(std::vector<RecipientKey> keys, Time now, Time until,
                     Done<std::vector<Claim>> done) = 0;
  /// Ends attempts. Once settled, a second settlement changes nothing; one of an attempt that is
  /// not the last neither, except Outcome::delivered, which is believed whenever it comes. A
  /// message whose recipients are all over is deleted, then its file.
  virtual void settle(std::vector<Settlement> settlements, Done<void> done) = 0;
  /// Notes that the sender of a message was told of the delay of these.
  virtual void notice(std::vector<RecipientKey> keys, Done<void> done) = 0;
  /// Deletes messages that are dead letters and nothing else since before `before`, a few thousand
  /// at a time; how many. Waits for the disk.
  virtual Result<std::uint64_t> purge_dead(Time before) = 0;
  /// Fault::not_found without such a message.
  virtual void act(Action action, const MessageId& id, Time now, Done<void> done) = 0;
  /// Marks a message as damaged: it is never delivered, and it stays until it is dropped.
  virtual void quarantine(const MessageId& id, std::string damage, Done<void> done) = 0;

  /// Reads every row and every body. Takes as long as the disk needs; mail goes on meanwhile.
  virtual Result<Verification> verify() = 0;
};

}  // namespace postern::spool
