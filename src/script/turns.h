// Mutual exclusion of coroutines on one event loop, in order of arrival.
#pragma once

#include <list>
#include <memory>

#include "base/task.h"
#include "script/world.h"

namespace postern::script {

/// A queue for something that one coroutine may have at a time. Only the loop's own thread may use
/// it. Waiting coroutines may be destroyed with their loop.
class Turns {
 public:
  /// Waits for the turn, in the order of calls. True: it lasts until give_back(). False: `deadline`
  /// passed first.
  Task<bool> take(Clock::time_point deadline = Clock::time_point::max());
  /// Ends the turn; the next coroutine in the queue gets it.
  void give_back() { line_->give_back(); }

  /// Waits for a turn that lasts until the loop has handled everything that is ready. Calls that
  /// are answered at the same time (a thousand clients that wait for one Vault) do so not resume
  /// all at once; a single one loses no time.
  Task<void> next();

 private:
  struct Waiter;
  struct Line {
    bool taken = false;
    std::list<Waiter*> waiting;
    void give_back();
  };

  std::shared_ptr<Line> line_ = std::make_shared<Line>();
};

/// Gives a turn back when it is destroyed.
class Turn {
 public:
  /// `turns` outlives it; the turn was taken.
  explicit Turn(Turns& turns) : turns_(turns) {}
  ~Turn() { turns_.give_back(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Turns& turns_;
};

}  // namespace postern::script
