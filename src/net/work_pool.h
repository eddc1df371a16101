// Worker threads for work that would block an event loop, mainly password hashing. The queue is
// bounded, so a flood of logins is deferred instead of stored, and fair, so the flood of one
// account or network does not delay the others.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/task.h"

namespace postern::net {

/// The owner of a job. Turns alternate between two orders, by account and by network of clients
/// (net/fair_queue.h).
struct Turn {
  std::string account;  ///< empty: none in particular
  std::string client;   ///< subscriber_key() of an address; empty: none in particular
  std::chrono::milliseconds patience{0};  ///< refused after waiting longer; 0: unlimited
};

/// CPU time of the threads that one owner may use per minute while others wait; 0: unlimited.
struct Shares {
  std::chrono::milliseconds account{0};  ///< of one account
  std::chrono::milliseconds client{0};   ///< of one client; its network has twice that
};

/// A fixed number of threads with a bounded fair queue (net/fair_queue.h). Stop or destroy it
/// before the event loops whose coroutines wait for it. Thread-safe.
class WorkPool {
 public:
  /// Starts at least one thread. At most `queue` jobs wait while all threads are busy; when it is
  /// full, the owner with most waiting jobs loses one. The threads are called `name`, with a number
  /// if there are several.
  WorkPool(std::size_t threads, std::size_t queue, const std::string& name = "work",
           Shares shares = {});
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  /// Runs `work` on a pool thread and resumes the caller on its own executor. `work` must own what
  /// it uses. Fault::temporary: `work` was not run, because the queue is full, its turn came too
  /// late, its share is used up, or the pool has stopped. Rethrows what `work` throws.
  template <class F>
  Task<Result<std::invoke_result_t<F>>> run(Turn turn, F work);
  /// As above, without an owner.
  template <class F>
  Task<Result<std::invoke_result_t<F>>> run(F work) {
    return run(Turn{}, std::move(work));
  }

  /// Refuses all waiting and future jobs. Does not wait for running jobs. May be called again.
  void refuse();
  /// refuse(), then waits for running jobs.
  void stop();
  /// Jobs in the queue.
  std::size_t waiting() const;

 private:
  struct State;

  /// nullptr: the job ran. Otherwise why it was refused.
  Task<const char*> execute(Turn turn, std::function<void()> job);

  std::unique_ptr<State> state_;
};

template <class F>
Task<Result<std::invoke_result_t<F>>> WorkPool::run(Turn turn, F work) {
  using R = std::invoke_result_t<F>;
  // Shared, not in the coroutine frame: the frame may be destroyed while a thread runs the work.
  struct Slot {
    explicit Slot(F w) : work(std::move(w)) {}
    F work;
    std::optional<R> value;
    std::exception_ptr thrown;
  };
  auto slot = std::make_shared<Slot>(std::move(work));
  std::function<void()> job = [slot] {
    try {
      slot->value.emplace(slot->work());
    } catch (...) {
      slot->thrown = std::current_exception();
    }
  };
  const char* refused = co_await execute(std::move(turn), std::move(job));
  if (refused != nullptr) co_return fail(Fault::temporary, refused);
  if (slot->thrown) std::rethrow_exception(slot->thrown);
  co_return std::move(*slot->value);
}

}  // namespace postern::net
