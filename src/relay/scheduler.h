// Decides which due message is tried next: fair between kinds of mail, tenants and destinations,
// and careful with destinations that fail or are slow (docs/queue.md, "How much at once"). A
// message takes a few dozen octets. Messages that are not due cost nothing: every call takes O(log
// n), amortized.
//
// An attempt holds a slot. Each kind of mail has its own slots. A tenant may hold a multiple of the
// free slots: a single tenant gets most of them, many tenants get equal shares, and some always
// stay free for a tenant that holds none (dynamic thresholds, as in shared-memory switches:
// Choudhury and Hahne, 1998). The multiple is smaller for destinations of unknown pace and smallest
// for slow ones, so that neither can take the slots that swift destinations need. Slots are not
// preempted.
//
// A lane holds the messages of one tenant for one destination. A lane with a due message is in its
// tenant's line once, however many messages it has; while its destination has no connection
// available, it waits there instead. For each pace, the tenant with the fewest slots at that pace
// and slower ones comes first; among these first tenants, the one with the fewest running attempts
// is served.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "relay/indexed_heap.h"
#include "relay/schedule.h"

namespace postern::relay {

/// A kind of mail; each has its own slots. A report has the null reverse-path and goes to another
/// host; `folder` is local delivery.
enum class MailKind : std::uint8_t { relay, report, webhook, folder };
/// Number of enumerators in MailKind.
inline constexpr std::size_t mail_kinds = 4;

/// How many attempts may run, and how failing destinations are treated.
struct SchedulerLimits {
  /// Slots for MailKind::relay. Slots of each kind are at least 1.
  std::uint32_t workers = 100;
  std::uint32_t report_workers = 100;        ///< slots for MailKind::report
  std::uint32_t webhook_workers = 100;       ///< slots for MailKind::webhook
  std::uint32_t folder_workers = 100;        ///< slots for MailKind::folder
  std::uint32_t initial_connections = 2;     ///< connections to a new destination
  std::uint32_t max_connections = 20;        ///< connections to one destination at most
  std::uint32_t failures_to_sleep = 5;       ///< consecutive failed connections
  std::chrono::seconds first_sleep{60};      ///< doubles with each failed probe
  std::chrono::seconds longest_sleep{1800};  ///< the limit of that
  /// An attempt of this duration makes its destination slow, until an attempt takes less.
  std::chrono::milliseconds slow_after = std::chrono::seconds(10);
};

/// The same limits with at most `attempts` slots in all, reduced in proportion, each at least 1.
SchedulerLimits fitted(SchedulerLimits limits, std::uint64_t attempts);

/// The limits that a route sets for its destination. Defaults: those of SchedulerLimits, and no
/// rate.
struct DestinationLimits {
  std::optional<std::uint32_t> max_connections;  ///< at least 1
  std::uint32_t messages_per_minute = 0;         ///< 0: unlimited
};

/// What an attempt showed about its destination, regardless of the message's result.
enum class Contact : std::uint8_t {
  delivered,          ///< the next hop accepted the message
  answered,           ///< the next hop replied to MAIL; later replies concern the message
  pushed_back,        ///< too many at once: 421, 450 4.7.x and similar, or we ran out of sockets
  connection_failed,  ///< no reply to MAIL: routing, connection, greeting or TLS failed
};

/// Not thread-safe. The caller numbers the messages; ties go to the smaller number, so numbers that
/// grow with arrival keep the order of arrival. Times are queue time.
class Scheduler {
 public:
  /// A handle of a message: valid until remove(), or until finished() without times.
  using Place = std::uint32_t;
  /// The times of a message.
  struct Times {
    Time due = never;       ///< of the next attempt; past: at once
    Time deadline = never;  ///< when next() returns Work::What::deadline
  };
  /// Something for the caller to do.
  struct Work {
    /// The kinds of work; `extra_attempt` results from retry().
    enum class What : std::uint8_t { attempt, extra_attempt, deadline };
    What what = What::attempt;  ///< the kind
    Place place = 0;            ///< the handle of the message
    std::uint64_t message = 0;  ///< the number of the message
    /// The tenant holds more than half of the slots it may hold: the attempt should be short.
    bool crowded = false;
  };

  /// Slots below 1 count as 1.
  explicit Scheduler(SchedulerLimits limits = {});

  /// Adds a message. `destination`: the next hop or route, with its pool of source addresses
  /// (destination_of()).
  Place add(std::uint64_t message, std::string_view tenant, std::string_view destination,
            Times times, Time now, MailKind kind = MailKind::relay);
  /// Sets the limits of a destination that has messages; they are forgotten with its last message.
  /// They apply to attempts that start later.
  void limit(std::string_view destination, const DestinationLimits& limits, Time now);
  /// Sets new times; both `never` for a message on hold. For a message that is running, or waiting
  /// for its retry(), only the deadline is set; finished() sets the rest.
  void reschedule(Place place, Times times, Time now);
  /// Sets only the deadline.
  void set_deadline(Place place, Time deadline);
  /// Removes a message that is not running.
  void remove(Place place, Time now);
  /// The operator's retry: the message gets the next free slot, even if its destination sleeps
  /// or has no connection available. False when the message is running.
  bool retry(Place place);

  /// The next work, or nullopt: then there is none before wake_at(), unless another function is
  /// called. An attempt runs until finished(). A deadline is returned once; it is `never`
  /// afterwards.
  std::optional<Work> next(Time now);
  /// When next() may have work without another call; `never`: not.
  Time wake_at() const;
  /// Ends an attempt. `contact`: what it showed. `times`: of the next attempt; nullopt removes the
  /// message.
  void finished(Place place, Contact contact, std::optional<Times> times, Time now);

  /// How many connections to the destination are free for others than its messages, such as probes
  /// of addresses. `limits`: of its route, as for limit().
  std::uint32_t free_connections(std::string_view destination,
                                 const DestinationLimits& limits) const;
  /// Such a connection begins; attempts have one fewer until guest_left().
  void guest_came(std::string_view destination, const DestinationLimits& limits, Time now);
  /// It has ended. Call it once for each guest_came().
  void guest_left(std::string_view destination, Time now);

  /// Starts no attempts to the destination before `until`, except for the operator's; then one
  /// message probes it.
  void put_to_sleep(std::string_view destination, Time until, Time now);
  /// The end of a destination's sleep; nullopt when it is awake or unknown.
  std::optional<Time> sleeps_until(std::string_view destination) const;

  /// Number of messages.
  std::size_t size() const { return messages_.size() - free_messages_.size(); }
  /// Number of known destinations.
  std::size_t destinations() const { return destination_names_.size(); }
  /// Number of known tenants; one with several kinds of mail counts once for each kind.
  std::size_t tenants() const { return tenant_names_.size(); }
  /// Number of running attempts.
  std::uint32_t running() const;
  /// Number of running attempts of one kind.
  std::uint32_t running(MailKind kind) const { return pool(kind).running; }
  /// Number of lanes of one kind with a due message and without a slot.
  std::uint32_t waiting(MailKind kind) const { return pool(kind).waiting; }
  /// Number of slots of one kind.
  std::uint32_t slots(MailKind kind) const { return pool(kind).slots; }

 private:
  /// How long the latest attempt to a destination took.
  enum class Pace : std::uint8_t { swift, unknown, slow };
  static constexpr std::size_t paces = 3;

  struct Message {
    std::uint64_t number = 0;
    Time due = never;  ///< while it is running: since when
    Time deadline = never;
    std::uint32_t lane = nowhere;
    std::uint32_t due_position = nowhere;
    std::uint32_t deadline_position = nowhere;
    bool retried : 1 = false;  ///< an attempt was made before
    bool running : 1 = false;
    bool urgent : 1 = false;
    std::uint8_t pace : 2 = 0;  ///< of its destination when its attempt began
  };
  static_assert(sizeof(Message) <= 40, "a queue holds millions of these");

  /// A linked list of a tenant's lanes; a lane is in at most one line.
  struct Line {
    std::uint32_t first = nowhere;
    std::uint32_t last = nowhere;
    bool empty() const { return first == nowhere; }
  };
  enum class LaneState : std::uint8_t { idle, waiting, in_line };
  struct Lane {
    std::uint32_t tenant = 0;
    std::uint32_t destination = 0;
    std::uint32_t messages = 0;      ///< number of messages, with running ones
    std::uint32_t ahead = nowhere;   ///< the previous lane in its line
    std::uint32_t behind = nowhere;  ///< the next lane in its line
    std::uint32_t waiting_position = nowhere;
    std::uint32_t timer_position = nowhere;
    Time timer = never;
    IndexedHeap fresh;            ///< never tried
    IndexedHeap retries;          ///< tried before
    std::uint8_t fresh_turn = 0;  ///< fresh messages started while a retry waited
    LaneState state = LaneState::idle;
    std::uint8_t line = 0;     ///< index of its line in its tenant, when in line
    std::uint64_t ticket = 0;  ///< its turn among the destination's lanes; 0: none
  };
  struct Destination {
    std::string name;
    IndexedHeap waiting;  ///< lanes with a due message, while no connection is available
    std::uint32_t lanes = 0;
    std::uint32_t running = 0;
    std::uint32_t guests = 0;       ///< connections of others, within max_connections
    std::uint32_t connections = 0;  ///< connections allowed now
    std::uint32_t max_connections = 0;
    std::uint32_t successes = 0;  ///< in the current round
    std::uint32_t failures = 0;   ///< consecutive
    std::uint32_t sleeps = 0;     ///< consecutive; each lasts twice as long as the one before
    std::chrono::milliseconds gap{0};
    Time not_before{0};  ///< the next start that its rate permits
    Time timer = never;
    std::uint32_t timer_position = nowhere;
    std::uint32_t probe = nowhere;  ///< the message that probes
    bool asleep = false;            ///< until `wakes`, and then until a probe succeeds
    Pace pace = Pace::unknown;
    Time wakes{0};
  };
  /// A tenant for one kind of mail.
  struct Tenant {
    std::string key;  ///< in `tenant_names_`
    MailKind kind = MailKind::relay;
    std::uint32_t lanes = 0;  ///< forgotten with the last one
    std::array<std::uint32_t, paces> running{};
    /// By pace: lanes that may start; its turn among tenants with equally many running attempts;
    /// its position in the pool's heap.
    std::array<Line, paces> lines;
    std::array<std::uint64_t, paces> turn{};
    std::array<std::uint32_t, paces> position{nowhere, nowhere, nowhere};

    /// Running attempts to destinations of this pace and slower ones.
    std::uint32_t running_from(std::size_t pace) const;
  };
  struct Pool {
    std::uint32_t slots = 1;
    std::uint32_t running = 0;
    std::uint32_t waiting = 0;
    std::array<IndexedHeap, paces> lines;  ///< tenants with a lane in that line
    std::deque<Place> urgent;
    std::uint32_t free() const { return slots > running ? slots - running : 0; }
  };
  struct ByTurn;
  struct ByTicket;
  struct ByDue;
  struct ByDeadline;
  struct ByLaneTimer;
  struct ByDestinationTimer;

  std::uint32_t tenant(std::string_view name, MailKind kind);
  std::uint32_t destination(std::string_view name);
  std::uint32_t lane(std::uint32_t tenant, std::uint32_t destination);
  void release_destination(std::uint32_t index);
  void leave_lane(std::uint32_t index);

  const Pool& pool(MailKind kind) const { return pools_[static_cast<std::size_t>(kind)]; }
  Pool& pool(MailKind kind) { return pools_[static_cast<std::size_t>(kind)]; }
  Pool& pool_of(const Message& message) { return pool(tenants_[lanes_[message.lane].tenant].kind); }
  bool may_take(const Tenant& tenant, Pace pace) const;
  bool is_crowded(const Tenant& tenant, Pace pace) const;
  template <class Change>
  void change_running(std::uint32_t tenant, Change change);
  void recall(Destination& destination);
  void keep_pace(const Destination& destination);

  void join_line(std::uint32_t lane);
  void leave_line(std::uint32_t lane);
  void enter(Place place, Time now);
  void withdraw(Place place);
  void settle(std::uint32_t lane, Time now);
  void offer(std::uint32_t destination, Time now);
  void set_timer(std::uint32_t destination, Time at);
  static Time wakes_at(const Destination& destination, Time now);
  void turn_timers(Time now);
  /// How many attempts to a destination may begin now.
  static std::uint32_t room(const Destination& destination, Time now);
  std::optional<Place> take(Lane& lane, Time now);
  std::optional<Work> start_urgent(Pool& pool, Time now);
  std::optional<Work> start_next(Pool& pool, Time now);
  std::optional<std::uint32_t> choose(Pool& pool);
  void started(Place place, Time now);
  void learn(Destination& destination, Place place, Contact contact, Time now);

  SchedulerLimits limits_;
  std::deque<Message> messages_;
  std::vector<Place> free_messages_;
  std::deque<Lane> lanes_;
  std::vector<std::uint32_t> free_lanes_;
  std::deque<Destination> destinations_;
  std::vector<std::uint32_t> free_destinations_;
  std::deque<Tenant> tenants_;
  std::vector<std::uint32_t> free_tenants_;
  std::unordered_map<std::string, std::uint32_t> tenant_names_;  ///< by kind and name
  std::unordered_map<std::string, std::uint32_t> destination_names_;
  std::unordered_map<std::uint64_t, std::uint32_t> lane_of_;  ///< by tenant and destination

  IndexedHeap deadlines_;
  IndexedHeap lane_timers_;
  IndexedHeap destination_timers_;
  std::array<Pool, mail_kinds> pools_;
  std::uint64_t turns_ = 0;    ///< the latest turn
  std::uint64_t tickets_ = 0;  ///< the latest ticket
  /// The pace of destinations without messages: hashes of names, with the pace in the last two
  /// bits. A later name replaces one in the same place.
  std::vector<std::uint64_t> kept_paces_;
};

/// Spreads the messages that are already due when the process starts: one every 10 ms, over at most
/// five minutes.
class StartupSpread {
 public:
  /// `now`: the start.
  explicit StartupSpread(Time now) : now_(now) {}
  /// When to try a stored message that is due at `due`.
  Time place(Time due) {
    if (due > now_) return due;
    const Time at = now_ + next_;
    next_ = (next_ + std::chrono::milliseconds(10)) % std::chrono::minutes(5);
    return at;
  }

 private:
  Time now_;
  std::chrono::milliseconds next_{0};
};

}  // namespace postern::relay
