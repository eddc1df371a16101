// Stores accepted messages until they are delivered. A message that put() acknowledged is on stable
// storage: after a crash it is delivered, or visible in the queue (RFC 5321 §6.1).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "spool/body.h"
#include "spool/body_reader.h"

namespace postern::spool {

/// Wall-clock time in whole milliseconds. The spool itself does not read a clock to decide what is
/// due.
using Time = std::chrono::system_clock::time_point;
/// A ULID, never reused: the Idempotency-Key of a delivery.
using MessageId = std::string;
/// Identifies a stored message as well as its id does, in 48 bits. Never reused, even after the
/// queue was empty.
using Sequence = std::int64_t;

/// How a message leaves. Stored as numbers: never reorder them.
enum class RouteKind { webhook = 0, relay = 1, local = 2 };

/// Messages for the same destination are delivered and throttled together.
struct Destination {
  RouteKind kind = RouteKind::webhook;  ///< the kind of `key`
  std::string key;                      ///< the id of a webhook, a next hop, or a domain
  auto operator<=>(const Destination&) const = default;
};

/// The state of a recipient. Stored as numbers: never reorder them. `queued`: waiting or being
/// tried. `delivered` and `failed` (given up and reported to the sender) are final. `held` (by an
/// operator), `dead` (given up and kept) and `quarantined` (by a policy, or damaged) stay until an
/// operator decides.
enum class State { queued = 0, delivered = 1, failed = 2, held = 3, dead = 4, quarantined = 5 };

/// A recipient of a message.
struct Recipient {
  std::string address;          ///< as in the envelope, without brackets
  Destination destination;      ///< where it goes
  State state = State::queued;  ///< for put(): any but delivered and failed
  std::string notify;           ///< NOTIFY (RFC 3461 §4.1); empty: not given
  std::string orcpt;            ///< ORCPT (RFC 3461 §4.2); empty: not given
  std::string quarantine;       ///< the quarantine that holds it, in one word; empty: none
  // Set by the spool:
  std::uint32_t attempts = 0;         ///< attempts begun, with the running one
  bool claimed = false;               ///< an attempt is running
  Time next_attempt;                  ///< when it is due; while claimed, when the claim ends
  Time held_at;                       ///< since when it is held or quarantined
  std::chrono::milliseconds held{0};  ///< duration of earlier holds, which does not count as age
  bool noticed = false;               ///< the sender got the delay notice
  /// Reply or error of the last attempt; for put(): why the recipient is held or dead.
  std::string last_reply;
};

/// The envelope of a message, and what was found out at its reception.
struct Envelope {
  MessageId id;   ///< when the caller has already used it in the message; empty: put() makes one
  Time received;  ///< when it was accepted
  std::string reverse_path;           ///< empty: the null reverse-path
  bool header_8bit = false;           ///< the header has octets above 127
  bool body_8bit = false;             ///< the body has octets above 127
  bool smtputf8 = false;              ///< sent with SMTPUTF8 (RFC 6531 §3.4)
  bool require_tls = false;           ///< sent with REQUIRETLS (RFC 8689 §2)
  std::string ret;                    ///< RET (RFC 3461 §4.3): FULL, HDRS or empty
  std::string envid;                  ///< ENVID (RFC 3461 §4.4); empty: not given
  std::string trace_id;               ///< id of the trace
  std::string account;                ///< the tenant; may be empty
  std::string authn_id;               ///< the authenticated identity of the client; may be empty
  std::string evidence;               ///< JSON: authentication results and verdicts
  std::vector<Recipient> recipients;  ///< their indexes identify them
};

/// Whether put() takes it: it has recipients, and none of them is finished at first.
bool may_be_put(const Envelope& envelope);
/// Why it does not.
inline constexpr std::string_view unfit =
    "a message needs recipients, and none of them may be finished at first";

/// A message to store.
struct Mail {
  Envelope envelope;  ///< its envelope
  Body body;          ///< header and body
};

/// A stored message, without its body.
struct Message {
  MessageId id;            ///< its id
  Sequence sequence = 0;   ///< its number
  std::uint64_t size = 0;  ///< octets of the body
  bool in_file = false;    ///< the body is in a file
  std::string damage;      ///< why it cannot be delivered; empty: it is not damaged
  Envelope envelope;       ///< list() leaves `evidence` and `recipients` empty
};

/// The queued recipients of one message at one destination: the unit of scheduling.
struct Parcel {
  Sequence sequence = 0;              ///< of the message
  std::uint32_t first = 0;            ///< the lowest index of its recipients
  Destination destination;            ///< of its recipients
  std::string account;                ///< the tenant; without one, the authenticated user
  std::uint32_t attempts = 0;         ///< the highest of its recipients
  Time received;                      ///< when the message was accepted
  Time due;                           ///< the earliest of its recipients
  std::chrono::milliseconds held{0};  ///< the longest of its recipients
  bool noticed = false;               ///< the sender got the delay notice for all of them
  bool null_path = false;             ///< the message has the null reverse-path
  bool inherited = false;             ///< another process stored the message, or an earlier one
};

/// How far a reader has come in Spool::parcels(). Only the spool reads and changes it.
struct Cursor {
  /// A part of the spool that this process schedules; a spool of one node has one.
  struct Part {
    std::int64_t epoch = 0;  ///< of the ownership: a part that comes back is read anew
    Sequence after = 0;      ///< of the last message that was read
  };
  std::vector<Part> parts;  ///< by the number of the part
};

/// Counters since the start of the process.
struct SpoolCounters {
  std::uint64_t commits = 0;  ///< commits of the database, each with a flush
  std::uint64_t unknown = 0;  ///< of these, made again since the end of the first one was unknown
  std::uint64_t orphans = 0;  ///< files without a message, removed at the start
  std::uint64_t damaged = 0;  ///< messages whose file was missing at the start
};

/// Identifies a recipient; `index` is its index in the envelope.
struct RecipientKey {
  MessageId message;        ///< the message
  std::uint32_t index = 0;  ///< index into Envelope::recipients
  auto operator<=>(const RecipientKey&) const = default;
};

/// A begun attempt for one recipient.
struct Claim {
  RecipientKey key;           ///< the recipient
  std::uint32_t attempt = 0;  ///< counts from 1; pass it to settle()
};

/// How an attempt ended. `failed`: given up and reported; `dead`: given up and kept.
enum class AttemptOutcome { delivered, failed, dead, retry, quarantined };

/// The end of an attempt for one recipient.
struct Settlement {
  RecipientKey key;                                    ///< the recipient
  std::uint32_t attempt = 0;                           ///< of the claim; 0: no attempt is running
  AttemptOutcome outcome = AttemptOutcome::delivered;  ///< how it ended
  Time next_attempt;                                   ///< for AttemptOutcome::retry
  /// The last reply, the error, or the reason of the quarantine.
  std::string reply;
  bool extra = false;  ///< for AttemptOutcome::retry: an operator's attempt, which is not counted
};

/// An operator's action on a whole message. `hold` stops its queued recipients. `release` queues
/// held and quarantined ones. `retry` makes queued ones due now and queues dead ones. `drop`
/// deletes the message. Fault::conflict: `release` or `retry` of a damaged message, or no recipient
/// to act on.
enum class Action { hold, release, retry, drop };

/// Selects messages that match everything that is set. State, destination, recipient and quarantine
/// must match the same recipient. Text is compared octet by octet.
struct ListFilter {
  std::optional<State> state;              ///< state of a recipient
  std::optional<Destination> destination;  ///< destination of a recipient
  std::optional<std::string> account;      ///< the tenant; empty: messages without one
  std::optional<std::string> sender;       ///< the reverse-path; empty: the null reverse-path
  std::optional<std::string> recipient;    ///< address of a recipient
  std::optional<std::string> quarantine;   ///< Recipient::quarantine
  std::optional<Time> stored_before;       ///< put() assigned the id before this time
};

/// Recipients in one state at one destination; several may belong to one message.
struct DestinationCount {
  Destination destination;       ///< the destination
  State state = State::queued;   ///< queued, held, dead or quarantined
  std::uint64_t recipients = 0;  ///< number of recipients
  Time oldest;                   ///< when the message that was stored first was accepted
  Time due;                      ///< for State::queued: the earliest due time
};

/// The result of verify(). `findings` holds the first 1000.
struct Verification {
  /// A defect.
  struct Finding {
    MessageId message;  ///< empty: the database itself
    std::string what;   ///< a description
  };
  std::uint64_t messages = 0;    ///< messages read
  std::uint64_t recipients = 0;  ///< their recipients
  std::uint64_t octets = 0;      ///< octets of bodies read
  /// Files without a message: being written or removed, or left for the next start to remove. Not a
  /// defect.
  std::uint64_t loose_files = 0;
  std::uint64_t wrong = 0;        ///< number of defects
  std::vector<Finding> findings;  ///< the defects
};

/// A message with recipients and evidence, and its body or why that cannot be read (Spool::body()).
struct Whole {
  Message message;          ///< as of Spool::get()
  Result<BodyReader> body;  ///< as of Spool::body()
};

/// Thread-safe. Faults of all functions: `disk_full` and `temporary`, there is no room (reply 452
/// 4.3.1); `permanent`, the disk failed, is read-only or damaged (reply 451 4.3.0); `unreachable`,
/// the cluster's database cannot be reached now (451 4.3.0). Success is
/// never reported without a commit. A completion runs once, on a thread of the spool or, when
/// refused at once, on the caller's. It must not block, and the spool must outlive it.
class Spool {
 public:
  /// A completion of an asynchronous function.
  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual ~Spool() = default;

  /// Whether a message of `octets` octets could be stored now. For MAIL FROM, before the data
  /// arrives.
  virtual Result<void> ready(std::uint64_t octets) const = 0;
  /// Stores a message; success permits the 250 reply (RFC 5321 §6.1). Does not block on the disk.
  /// Fault::malformed: there are no recipients, or one in a final state.
  virtual void put(Envelope envelope, Body body, Done<MessageId> done) = 0;
  /// Stores all messages in one commit, or none: the copies that one 250 reply acknowledges.
  /// Returns the ids in their order.
  virtual void put(std::vector<Mail> mails, Done<std::vector<MessageId>> done) = 0;

  /// The next parcels that this process has to schedule: those of at most `limit` messages with
  /// queued recipients, in the order of storing. All parcels of a message come together. Moves
  /// `cursor`, so that repeated calls return every message once; an error moves nothing.
  virtual Result<std::vector<Parcel>> parcels(Cursor& cursor, std::size_t limit) = 0;
  /// Calls `gained` when parcels() has messages that another process stored, which happens in a
  /// cluster alone; on a thread of the spool. Null: no more. No call is running when it returns.
  virtual void on_gain(std::function<void()> gained) { static_cast<void>(gained); }
  /// The parcels of one message; none when nothing of it is queued.
  virtual Result<std::vector<Parcel>> parcels_of(Sequence message) = 0;

  /// Messages, newest first, that are older than the message `before` (the last id of the previous
  /// page; empty: all). At most `limit`. Blocks on the disk. Each filter has an index; matches are
  /// sorted for each page.
  virtual Result<std::vector<Message>> list(const ListFilter& filter, const MessageId& before,
                                            std::size_t limit) = 0;
  /// A message with recipients and evidence; nullopt: it does not exist. Blocks on the disk.
  virtual Result<std::optional<Message>> get(const MessageId& id) = 0;
  /// The same by sequence.
  virtual Result<std::optional<Message>> get(Sequence sequence) = 0;
  /// Recipients by destination and state, sorted by both. Blocks, and reads an index entry for each
  /// queued recipient (a second for some millions): for operators and metrics, not for the mail
  /// path.
  virtual Result<std::vector<DestinationCount>> counts() = 0;
  /// Octets on the disk: the database, its write-ahead log, and the files of bodies. Blocks.
  virtual Result<std::uint64_t> size() = 0;
  /// The body of a message. Blocks. Fault::not_found: there is no such message. Fault::damaged:
  /// call quarantine() then. Any other fault may pass.
  virtual Result<BodyReader> body(const MessageId& id) = 0;
  /// Many messages with their bodies, in the order of `ids`; those that do not exist are left out.
  /// Blocks, and keeps bodies that are not in files in memory: for some hundred at a time.
  virtual Result<std::vector<Whole>> whole(std::span<const MessageId> ids);

  /// Whether an attempt may take the step that cannot be taken back: the end of a message's octets,
  /// or a request. Fault::unreachable: another process may soon deliver the same message.
  virtual Result<void> may_deliver() const { return {}; }
  /// Begins an attempt for those of `keys` that are queued and due at `now`, and returns them. Of
  /// two concurrent claims of a recipient, one gets it. The claim ends at `until`, when the
  /// recipient is due again. That holds after a crash, too, so that a message that crashes the
  /// process is not tried again at once.
  virtual void claim(std::vector<RecipientKey> keys, Time now, Time until,
                     Done<std::vector<Claim>> done) = 0;
  /// Ends attempts. A second settlement of the same recipient changes nothing, and neither does one
  /// of an attempt that is not the last; but AttemptOutcome::delivered is always accepted. When all
  /// recipients are in a final state, the message is deleted, and then its file.
  virtual void settle(std::vector<Settlement> settlements, Done<void> done) = 0;
  /// Notes that the sender got the delay notice for these recipients.
  virtual void notice(std::vector<RecipientKey> keys, Done<void> done) = 0;
  /// Deletes messages whose open recipients are all dead letters since before `before`, a few
  /// thousand at a time. Returns their number. Blocks on the disk.
  virtual Result<std::uint64_t> purge_dead(Time before) = 0;
  /// Runs an action at the time `now`. Fault::not_found: there is no such message. Fault::conflict:
  /// see Action.
  virtual void act(Action action, const MessageId& id, Time now, Done<void> done) = 0;
  /// Marks a message as damaged: it is not delivered and stays until it is dropped.
  /// Fault::not_found: there is no such message.
  virtual void quarantine(const MessageId& id, std::string damage, Done<void> done) = 0;

  /// Reads every row and every body. Blocks as long as that takes; mail is processed meanwhile.
  virtual Result<Verification> verify() = 0;
  /// Makes a running verify(), and every later one, fail with Fault::temporary.
  virtual void stop_verifying() = 0;

  /// Waits for what was put or settled; later changes are refused with Fault::temporary. Reading
  /// remains possible. May be called again.
  virtual void stop() = 0;
  /// The counters.
  virtual SpoolCounters counters() const = 0;
};

}  // namespace postern::spool
