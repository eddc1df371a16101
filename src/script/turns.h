// Fairness of one event loop to those who do not run scripts.
#pragma once

#include <list>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "base/task.h"

namespace postern::script {

/// Calls that were answered together (a thousand clients wait for one Vault) do not go on together:
/// between two of them the loop sees to everything else that is ready. Whoever comes back alone
/// loses no time. Of one loop; no thread but its own.
class Turns {
 public:
  /// Returns when it is the caller's turn, in the order of calls.
  Task<void> next();

 private:
  struct Waiter;
  struct Line {
    bool taken = false;  ///< somebody had a turn since the loop last saw to everything
    std::list<Waiter*> waiting;
  };
  static void advance(const std::shared_ptr<Line>& line, const boost::asio::any_io_executor& loop);

  std::shared_ptr<Line> line_ = std::make_shared<Line>();
};

}  // namespace postern::script
