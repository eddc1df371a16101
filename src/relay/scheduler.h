// Which due message is tried next: fair between tenants and destinations, careful with destinations
// that fail (relay rules Q4, Q5, Q6, Q9, Q10). It holds a few dozen octets a message and looks at
// none that is not due: whatever happens costs O(log n).
//
// A lane is what one tenant has for one destination. Lanes with a due message wait at their
// destination, which lets one after the other go to their tenant's line when it has a connection to
// give; the tenants' lines are served in turn. So a million messages of one lane stand in the way
// of nobody: the lane is in its tenant's line once.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/indexed_heap.h"
#include "relay/schedule.h"

namespace postern::relay {

/// How many attempts may run at once, and what a failing destination gets.
struct SchedulerLimits {
  std::uint32_t workers = 100;            ///< in all
  std::uint32_t initial_connections = 2;  ///< a destination's, to begin with
  std::uint32_t max_connections = 20;     ///< and at best (Q5)
  std::uint32_t failures_to_sleep = 5;    ///< connection failures in a row (Q4)
  std::chrono::seconds first_sleep{60};   ///< doubled with each failed probe
  std::chrono::seconds longest_sleep{1800};
};

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
  };

  explicit Scheduler(SchedulerLimits limits = {}) : limits_(limits) {}

  /// `destination`: the next hop or route with the pool of source addresses (Q4's key).
  Place add(std::uint64_t message, std::string_view tenant, std::string_view destination,
            Times times, Time now);
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
  std::uint32_t running() const { return running_; }

 private:
  struct Message {
    std::uint64_t number = 0;
    Time due = never;
    Time deadline = never;
    std::uint32_t lane = nowhere;
    std::uint32_t due_position = nowhere;
    std::uint32_t deadline_position = nowhere;
    bool retried : 1 = false;  ///< was attempted before
    bool running : 1 = false;
    bool urgent : 1 = false;
  };
  static_assert(sizeof(Message) <= 40, "a queue holds millions of these");

  /// Lanes one behind the other; a lane is in one line at most.
  struct Line {
    std::uint32_t first = nowhere;
    std::uint32_t last = nowhere;
    bool empty() const { return first == nowhere; }
  };
  enum class LaneState : std::uint8_t { idle, waiting, granted };
  struct Lane {
    std::uint32_t tenant = 0;
    std::uint32_t destination = 0;
    std::uint32_t messages = 0;      ///< in it, running ones included
    std::uint32_t behind = nowhere;  ///< the next lane of its line
    std::uint32_t timer_position = nowhere;
    Time timer = never;
    IndexedHeap fresh;            ///< never tried
    IndexedHeap retries;          ///< tried before
    std::uint8_t fresh_turn = 0;  ///< fresh ones started while a retry waited
    LaneState state = LaneState::idle;
  };
  struct Destination {
    std::string name;
    Line waiting;  ///< lanes with a due message
    std::uint32_t lanes = 0;
    std::uint32_t granted = 0;
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
    Time wakes{0};
  };
  struct Tenant {
    Line line;  ///< granted lanes
    bool in_turn = false;
  };
  struct ByDue;
  struct ByDeadline;
  struct ByLaneTimer;
  struct ByDestinationTimer;

  std::uint32_t tenant(std::string_view name);
  std::uint32_t destination(std::string_view name);
  std::uint32_t lane(std::uint32_t tenant, std::uint32_t destination);
  void release_destination(std::uint32_t index);
  void leave_lane(std::uint32_t index);

  void push(Line& line, std::uint32_t lane);
  std::uint32_t pop(Line& line);
  void enter(Place place, Time now);
  void withdraw(Place place);
  void settle(std::uint32_t lane, Time now);
  void offer(std::uint32_t destination, Time now);
  void set_timer(std::uint32_t destination, Time at);
  void turn_timers(Time now);
  bool may_start(const Destination& destination, Time now) const;
  std::optional<Place> take(Lane& lane, Time now);
  std::optional<Work> start_urgent(Time now);
  std::optional<Work> start_next(Time now);
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
  std::deque<std::uint32_t> turns_;  ///< tenants with somebody in their line
  std::deque<Place> urgent_;
  std::uint32_t running_ = 0;
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
