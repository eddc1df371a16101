// A single-threaded event loop, its shutdown, and calls from other threads.
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

/// An io_context for one thread.
class EventLoop : public boost::asio::io_context {
 public:
  EventLoop() : boost::asio::io_context(1) {}

  /// Destroys what still waits on the loop: coroutines, with all that they own. Call it after the
  /// loop's thread has ended and no other thread completes operations on it, and before destroying
  /// objects that the coroutines refer to. The destructor would do it too late.
  void clear() {
    stop();
    shutdown();  // may be called again, as the base's destructor does
  }
};

/// Runs `task` on another thread's loop and waits for its result. Fault::temporary: the loop has
/// stopped, or did not finish the task within `limit`. The task may still run then, so it must own
/// what it uses. Rethrows the task's exception. Blocks the calling thread, which must not be the
/// loop's.
template <class T>
Result<T> ask(boost::asio::io_context& loop, Task<Result<T>> task,
              std::chrono::milliseconds limit) {
  if (loop.stopped()) return fail(Fault::temporary, "the event loop has stopped; try again later");
  std::promise<Result<T>> promise;
  std::future<Result<T>> answer = promise.get_future();
  // The handler owns the promise: a loop that destroys the handler breaks the promise.
  boost::asio::co_spawn(
      loop, std::move(task),
      [promise = std::move(promise)](const std::exception_ptr& thrown, Result<T> result) mutable {
        // With an exception, `result` is Asio's default value, which would mean success.
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
