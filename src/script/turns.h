// Coroutines of one event loop, one after the other.
#pragma once

#include <list>
#include <memory>

#include "base/task.h"
#include "script/world.h"

namespace postern::script {

/// A queue for something that one coroutine has at a time. Of one loop; no thread but its own.
class Turns {
 public:
  /// True: it is the caller's turn, in the order of calls, until give_back(). False: it did not
  /// come by `deadline`.
  Task<bool> take(Clock::time_point deadline = Clock::time_point::max());
  void give_back() { line_->give_back(); }

  /// Takes a turn that lasts until the loop has seen to everything else that is ready. Calls that
  /// were answered together (a thousand clients wait for one Vault) so do not go on together;
  /// whoever comes back alone loses no time.
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

/// Gives back a turn that was taken when it goes.
class Turn {
 public:
  explicit Turn(Turns& turns) : turns_(turns) {}
  ~Turn() { turns_.give_back(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Turns& turns_;
};

}  // namespace postern::script
