// Which due message is tried next: fair between kinds of mail, tenants and destinations, careful
// with destinations that fail or are slow (relay rules Q4, Q5, Q6, Q9, Q10). It holds a few dozen
// octets a message and looks at none that is not due: every call costs O(log n), amortized.
//
// An attempt holds a slot. Each kind of mail has slots of its own. Of these a tenant may hold a
// multiple of what is free: one alone gets most, many get equal parts, and some always stay free
// for a tenant that holds none (dynamic thresholds, as in shared-memory switches: Choudhury and
// Hahne, 1998). The multiple is smaller for destinations that nothing is known of, and smaller
// again for slow ones, so that neither can hold what a swift destination needs. No slot is taken
// back, so nothing that is lent to one is missing for another.
//
// A lane is what one tenant has for one destination. A lane with a due message is in its tenant's
// line once, however many messages it has; while its destination has no connection to give, it
// waits there instead. For each pace the tenant that holds least at it and worse ones stands in
// front, and of these the one with the fewest attempts under way is served first.
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

/// What shares slots. A report is mail with the null reverse-path to another host.
enum class MailKind : std::uint8_t { relay, report, webhook, folder };
inline constexpr std::size_t mail_kinds = 4;

/// How many attempts may run at once, and what a failing destination gets.
struct SchedulerLimits {
  /// Slots of each kind, at least 1: `workers` are those of MailKind::relay.
  std::uint32_t workers = 100;
  std::uint32_t report_workers = 100;
  std::uint32_t webhook_workers = 100;
  std::uint32_t folder_workers = 100;
  std::uint32_t initial_connections = 2;  ///< a destination's, to begin with
  std::uint32_t max_connections = 20;     ///< and at best (Q5)
  std::uint32_t failures_to_sleep = 5;    ///< connection failures in a row (Q4)
  std::chrono::seconds first_sleep{60};   ///< doubled with each failed probe
  std::chrono::seconds longest_sleep{1800};
  /// An attempt that takes this long makes its destination a slow one, until one takes less.
  std::chrono::milliseconds slow_after = std::chrono::seconds(10);
};

/// The same with at most `attempts` slots in all, each kind in proportion.
SchedulerLimits fitted(SchedulerLimits limits, std::uint64_t attempts);

/// What a route says about its destination; the defaults are SchedulerLimits' and no rate.
struct DestinationLimits {
  std::optional<std::uint32_t> max_connections;  ///< at least 1
  std::uint32_t messages_per_minute = 0;         ///< 0: any number
};

/// What an attempt taught about its destination, whatever became of the message.
enum class Contact : std::uint8_t {
  delivered,    ///< taken by the next hop
  answered,     ///< MAIL had a reply; the rest is the message's own affair
  pushed_back,  ///< too much at once: 421, 450 4.7.x and the like (Q6), or we ran out of sockets
  connection_failed,  ///< no reply to MAIL: routing, connection, greeting, TLS
};

/// Not thread-safe. Messages are numbers of the caller's; ties go to the smaller one, so numbers
/// that grow with arrival keep the order of arrival.
class Scheduler {
 public:
  /// A place in the scheduler: valid until remove() or a finished() without times.
  using Place = std::uint32_t;
  struct Times {
    Time due = never;       ///< of the next attempt; past is at once
    Time deadline = never;  ///< when the caller wants to hear of the message in any case
  };
  struct Work {
    enum class What : std::uint8_t { attempt, extra_attempt, deadline };
    What what = What::attempt;
    Place place = 0;
    std::uint64_t message = 0;
    /// Its tenant holds more than half of what it may: the attempt should not take long.
    bool crowded = false;
  };

  explicit Scheduler(SchedulerLimits limits = {});

  /// `destination`: the next hop or route with the pool of source addresses (Q4's key).
  Place add(std::uint64_t message, std::string_view tenant, std::string_view destination,
            Times times, Time now, MailKind kind = MailKind::relay);
  /// For a destination that has messages, with the last of which they are forgotten. Applies from
  /// the next start on.
  void limit(std::string_view destination, const DestinationLimits& limits, Time now);
  /// New times for a message; `never`, `never` for one on hold. Of one that is being attempted, or
  /// about to be by retry(), only the deadline is taken; finished() says the rest.
  void reschedule(Place place, Times times, Time now);
  void set_deadline(Place place, Time deadline);
  /// Forgets a message that is not being attempted.
  void remove(Place place, Time now);
  /// The operator's retry (Q9): the next worker tries it, even if its destination sleeps or has all
  /// its connections. False when it is being attempted.
  bool retry(Place place);

  /// Something to do now, or nullopt: then nothing before wake_at() unless somebody calls. An
  /// attempt that it names is running until finished(). A deadline is told once and is then
  /// `never`.
  std::optional<Work> next(Time now);
  Time wake_at() const;
  /// The end of an attempt: what it showed, and when the message wants to be tried again; nullopt
  /// when it leaves the queue.
  void finished(Place place, Contact contact, std::optional<Times> times, Time now);

  /// No attempts to it before `until` but the operator's; then one message probes it.
  void put_to_sleep(std::string_view destination, Time until, Time now);
  /// The end of its sleep, or nullopt when it is awake (or unknown).
  std::optional<Time> sleeps_until(std::string_view destination) const;

  std::size_t size() const { return messages_.size() - free_messages_.size(); }
  std::size_t destinations() const { return destination_names_.size(); }
  std::uint32_t running() const;
  std::uint32_t running(MailKind kind) const { return pool(kind).running; }
  /// Lanes with a due message that have not got a slot.
  std::uint32_t waiting(MailKind kind) const { return pool(kind).waiting; }
  std::uint32_t slots(MailKind kind) const { return pool(kind).slots; }

 private:
  /// How long the last attempt of a destination took.
  enum class Pace : std::uint8_t { swift, unknown, slow };
  static constexpr std::size_t paces = 3;

  struct Message {
    std::uint64_t number = 0;
    Time due = never;  ///< while it is attempted: since when
    Time deadline = never;
    std::uint32_t lane = nowhere;
    std::uint32_t due_position = nowhere;
    std::uint32_t deadline_position = nowhere;
    bool retried : 1 = false;  ///< was attempted before
    bool running : 1 = false;
    bool urgent : 1 = false;
    std::uint8_t pace : 2 = 0;  ///< of its destination when its attempt began
  };
  static_assert(sizeof(Message) <= 40, "a queue holds millions of these");

  /// A tenant's lanes, one behind the other; a lane is in one line at most.
  struct Line {
    std::uint32_t first = nowhere;
    std::uint32_t last = nowhere;
    bool empty() const { return first == nowhere; }
  };
  enum class LaneState : std::uint8_t { idle, waiting, in_line };
  struct Lane {
    std::uint32_t tenant = 0;
    std::uint32_t destination = 0;
    std::uint32_t messages = 0;      ///< in it, running ones included
    std::uint32_t ahead = nowhere;   ///< the lane before it in its line
    std::uint32_t behind = nowhere;  ///< and the one after it
    std::uint32_t waiting_position = nowhere;
    std::uint32_t timer_position = nowhere;
    Time timer = never;
    IndexedHeap fresh;            ///< never tried
    IndexedHeap retries;          ///< tried before
    std::uint8_t fresh_turn = 0;  ///< fresh ones started while a retry waited
    LaneState state = LaneState::idle;
    std::uint8_t line = 0;     ///< which of its tenant's, when it is in one
    std::uint64_t ticket = 0;  ///< its place among lanes of the destination; 0: it has none
  };
  struct Destination {
    std::string name;
    IndexedHeap waiting;  ///< lanes with a due message, while there is no connection to give
    std::uint32_t lanes = 0;
    std::uint32_t running = 0;
    std::uint32_t connections = 0;  ///< allowed now (Q5)
    std::uint32_t max_connections = 0;
    std::uint32_t successes = 0;  ///< of the present round
    std::uint32_t failures = 0;   ///< in a row
    std::uint32_t sleeps = 0;     ///< in a row: the k of Q4
    std::chrono::milliseconds gap{0};
    Time not_before{0};  ///< by its rate
    Time timer = never;
    std::uint32_t timer_position = nowhere;
    std::uint32_t probe = nowhere;  ///< the message that probes
    bool asleep = false;            ///< until `wakes`, and then until a probe came through
    Pace pace = Pace::unknown;
    Time wakes{0};
  };
  /// One for each kind of mail that a tenant has.
  struct Tenant {
    MailKind kind = MailKind::relay;
    std::array<std::uint32_t, paces> running{};
    /// By pace: lanes that may start, its turn among tenants with as many attempts under way, and
    /// its place in the pool's heap.
    std::array<Line, paces> lines;
    std::array<std::uint64_t, paces> turn{};
    std::array<std::uint32_t, paces> position{nowhere, nowhere, nowhere};

    /// At destinations of this pace and of worse ones.
    std::uint32_t running_from(std::size_t pace) const;
  };
  struct Pool {
    std::uint32_t slots = 1;
    std::uint32_t running = 0;
    std::uint32_t waiting = 0;
    std::array<IndexedHeap, paces> lines;  ///< tenants with somebody in that line
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
  /// How many attempts to it may begin now.
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
  std::unordered_map<std::string, std::uint32_t> tenant_names_;  ///< tenants are few and stay
  std::unordered_map<std::string, std::uint32_t> destination_names_;
  std::unordered_map<std::uint64_t, std::uint32_t> lane_of_;  ///< by tenant and destination

  IndexedHeap deadlines_;
  IndexedHeap lane_timers_;
  IndexedHeap destination_timers_;
  std::array<Pool, mail_kinds> pools_;
  std::uint64_t turns_ = 0;    ///< given out
  std::uint64_t tickets_ = 0;  ///< given out
  /// The pace of destinations that have no messages now: hashes of names with a pace in their last
  /// two bits. A later name takes the place of one with the same end.
  std::vector<std::uint64_t> kept_paces_;
};

/// Spreads what is due already when a process starts: one message each 10 ms, over five minutes at
/// most (Q8).
class StartupSpread {
 public:
  explicit StartupSpread(Time now) : now_(now) {}
  /// When to try a stored message that was due at `due`.
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
