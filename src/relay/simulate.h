// What becomes of messages when their hosts answer so and so: the real Retry and Scheduler on a
// clock that runs as fast as it can, without a spool or a socket.
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

/// What an attempt comes to. All times of a scenario run from its begin.
struct SimulatedResult {
  enum class What : std::uint8_t { temporary, permanent, delivered, interrupted };
  What what = What::temporary;  ///< interrupted: it lasts until the process ends
  bool no_connection = false;   ///< temporary, and nobody answered: that puts destinations to sleep
  Time takes{0};
  /// It holds for all attempts that begin before then; nullopt: for one.
  std::optional<Time> until;
};

struct SimulatedMessage {
  std::string id;
  std::string tenant;
  std::string destination;
  Time arrival{0};
};

struct SimulatedEvent {
  enum class What : std::uint8_t {
    down,               ///< the process ends at once, and starts at `until`
    hold,               ///< of the first message; released at `until`
    destination_sleep,  ///< of the first message's destination, until `until`
    retry,              ///< the operator's, of the first message
    wall_jump,          ///< somebody sets the wall clock
  };
  What what = What::down;
  Time at{0};
  Time until{0};
  std::chrono::milliseconds by{0};  ///< of a wall_jump
};

struct Scenario {
  RetryPolicy policy;
  SchedulerLimits limits;
  std::vector<SimulatedMessage> messages;  ///< never empty
  /// By a message's id, else its destination, else `*`, which is there. In order, the last one for
  /// all that follow; none is empty.
  std::map<std::string, std::vector<SimulatedResult>, std::less<>> results;
  std::vector<SimulatedEvent> events;
  std::vector<double> draws;  ///< of the jitter: one a failed attempt of a message; then 0
  Time until = never;         ///< nothing is looked at behind it
  std::size_t most_attempts = 1'000'000;  ///< then it ends too
};

struct Simulated {
  enum class End : std::uint8_t { delivered, permanent, expired };
  struct Attempt {
    Time at;
    std::size_t message;   ///< in Scenario::messages
    std::uint32_t number;  ///< of that message, from 1
    SimulatedResult::What result;
  };
  struct Notice {
    Time at;
    std::size_t message;
  };
  struct Over {
    Time at;  ///< the end of the attempt that ended it; without one its expiry
    std::size_t message;
    End how;
  };
  struct Jump {
    Time at;
    std::chrono::milliseconds by;  ///< as QueueClock saw it
  };
  std::vector<Attempt> attempts;
  std::vector<Notice> notices;  ///< delay notices
  std::vector<Over> ends;
  std::vector<Jump> jumps;
};

Simulated simulate(const Scenario& scenario);

}  // namespace postern::relay
