// An event loop of one thread, how it ends, and how another thread asks it something.
#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"

namespace postern::net {

class EventLoop : public boost::asio::io_context {
 public:
  EventLoop() : boost::asio::io_context(1) {}

  /// Destroys what still waits on the loop: coroutines, with all that they hold. After its thread
  /// has ended and nobody completes anything on it any more, and before what the coroutines refer
  /// to is destroyed. Left to the destructor, they would outlive their owners.
  void clear() {
    stop();
    shutdown();  // may be called again, as the base's destructor does
  }
};

/// Runs `task` on a loop of another thread and waits for its answer. Fault::temporary when the loop
/// has stopped, or has not answered within `limit`: the task may still run then, so that it owns
/// what it uses. There is no answer in the place of a missing one. What it throws is thrown here.
template <class T>
Result<T> ask(boost::asio::io_context& loop, Task<Result<T>> task,
              std::chrono::milliseconds limit) {
  if (loop.stopped()) return fail(Fault::temporary, "the event loop has stopped; try again later");
  std::promise<Result<T>> promise;
  std::future<Result<T>> answer = promise.get_future();
  // The handler owns the promise: a loop that destroys it unanswered breaks it.
  boost::asio::co_spawn(
      loop, std::move(task),
      [promise = std::move(promise)](const std::exception_ptr& thrown, Result<T> result) mutable {
        // Beside an exception `result` is Asio's default, which says success.
        if (thrown) {
          promise.set_exception(thrown);
        } else {
          promise.set_value(std::move(result));
        }
      });
  if (answer.wait_for(limit) != std::future_status::ready) {
    return fail(Fault::temporary, "the event loop is too busy to answer; try again later");
  }
  try {
    return answer.get();
  } catch (const std::future_error&) {
    return fail(Fault::temporary, "the event loop has stopped; try again later");
  }
}

}  // namespace postern::net
