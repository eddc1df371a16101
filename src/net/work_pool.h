// Threads for work that would hold up an event loop: password hashing above all. The queue is
// bounded, so that a flood of logins is answered "later" instead of being remembered, and fair, so
// that one account's flood is not the others' wait.
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

/// For whom a job is done. Accounts take turns, and within an account its clients.
struct Turn {
  std::string account;  ///< who pays for it; empty: none in particular
  std::string client;   ///< subscriber_key() of an address; empty: none in particular
  std::chrono::milliseconds patience{0};  ///< it is refused when it waited longer; 0: no limit
};

/// Time of the threads that one may use in a minute while others wait; 0: no limit.
struct Shares {
  std::chrono::milliseconds account{0};
  std::chrono::milliseconds client{0};
};

/// A fixed number of threads behind a bounded queue (net/fair_queue.h). Stop it (or destroy it)
/// before the event loops whose coroutines wait on it.
class WorkPool {
 public:
  /// At least one thread; at most `queue` jobs wait while all threads are busy. When more come,
  /// whoever has most jobs waiting loses one. The threads have this name, with a number where there
  /// are several.
  WorkPool(std::size_t threads, std::size_t queue, const std::string& name = "work",
           Shares shares = {});
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  /// Runs `work` on a pool thread and resumes the caller on its own executor. `work` must own what
  /// it uses. Fault::temporary, without running it, when the queue is full, its turn did not come
  /// in time, its share is used up or the pool has stopped. What `work` throws is thrown to the
  /// caller.
  template <class F>
  Task<Result<std::invoke_result_t<F>>> run(Turn turn, F work);
  template <class F>
  Task<Result<std::invoke_result_t<F>>> run(F work) {
    return run(Turn{}, std::move(work));
  }

  /// From now on jobs are refused, and those that wait are. Does not wait for jobs in hand. May be
  /// called again.
  void refuse();
  /// Likewise, and waits for the jobs in hand.
  void stop();
  std::size_t waiting() const;

 private:
  struct State;

  /// nullptr when it ran, else why it was refused.
  Task<const char*> execute(Turn turn, std::function<void()> job);

  std::unique_ptr<State> state_;
};

template <class F>
Task<Result<std::invoke_result_t<F>>> WorkPool::run(Turn turn, F work) {
  using R = std::invoke_result_t<F>;
  // Shared, not on the frame: the frame may be destroyed while a thread still works.
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
