// Simulates the queue for given results of the attempts: the real Retry and Scheduler on a virtual
// clock, without a spool and without sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "relay/schedule.h"
#include "relay/scheduler.h"

namespace postern::relay {

/// The result of an attempt. All times of a scenario count from its start.
struct SimulatedResult {
  /// The kinds of result; an `interrupted` attempt lasts until the process ends.
  enum class What : std::uint8_t { temporary, permanent, delivered, interrupted };
  What what = What::temporary;  ///< the kind
  bool no_connection = false;   ///< with temporary: no host answered; puts destinations to sleep
  Time takes{0};                ///< duration of the attempt
  /// It applies to all attempts that begin before this time; nullopt: to one attempt.
  std::optional<Time> until;
};

/// A message of a scenario.
struct SimulatedMessage {
  std::string id;           ///< a key of Scenario::results
  std::string tenant;       ///< as for Scheduler::add()
  std::string destination;  ///< as for Scheduler::add()
  Time arrival{0};          ///< when it is added
};

/// An event of a scenario.
struct SimulatedEvent {
  /// The kinds of event.
  enum class What : std::uint8_t {
    down,               ///< the process dies, and restarts at `until`
    hold,               ///< the first message is on hold until `until`
    destination_sleep,  ///< the first message's destination sleeps until `until`
    retry,              ///< the operator retries the first message
    wall_jump,          ///< the wall clock is moved by `by`
  };
  What what = What::down;           ///< the kind
  Time at{0};                       ///< when it happens
  Time until{0};                    ///< when it ends
  std::chrono::milliseconds by{0};  ///< of a wall_jump
};

/// The input of a simulation.
struct Scenario {
  RetryPolicy policy;                      ///< for all messages
  SchedulerLimits limits;                  ///< for the scheduler
  std::vector<SimulatedMessage> messages;  ///< never empty
  /// Results by a message's id, else its destination, else `*`, which must exist. In their order;
  /// the last one repeats. None is empty.
  std::map<std::string, std::vector<SimulatedResult>, std::less<>> results;
  std::vector<SimulatedEvent> events;  ///< in any order
  std::vector<double> draws;  ///< for the jitter, one for each failed attempt of a message; then 0
  Time until = never;         ///< the simulation ends here
  std::size_t most_attempts = 1'000'000;  ///< it also ends after so many attempts
};

/// The output of a simulation, in the order of time.
struct Simulated {
  /// How a message left the queue.
  enum class End : std::uint8_t { delivered, permanent, expired };
  /// One attempt.
  struct Attempt {
    Time at;                       ///< when it began
    std::size_t message;           ///< index into Scenario::messages
    std::uint32_t number;          ///< of this message, from 1
    SimulatedResult::What result;  ///< its result
  };
  /// One delay notice.
  struct Notice {
    Time at;              ///< when it was sent
    std::size_t message;  ///< index into Scenario::messages
  };
  /// The end of one message.
  struct Over {
    Time at;              ///< the end of its last attempt, or its expiry
    std::size_t message;  ///< index into Scenario::messages
    End how;              ///< how it left the queue
  };
  /// One jump of the wall clock.
  struct Jump {
    Time at;                       ///< when it was noticed
    std::chrono::milliseconds by;  ///< as QueueClock returned it
  };
  std::vector<Attempt> attempts;  ///< all attempts
  std::vector<Notice> notices;    ///< delay notices
  std::vector<Over> ends;         ///< of all messages that left the queue
  std::vector<Jump> jumps;        ///< of the wall clock
};

/// Runs a scenario. Deterministic.
Simulated simulate(const Scenario& scenario);

}  // namespace postern::relay
