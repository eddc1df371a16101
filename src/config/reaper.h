// Destroys policies after their last session: closing their Lua states, threads and resolver takes
// too long for an event loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace postern::app {

/// One for the process; its thread starts at the first use. Thread-safe.
class Reaper {
 public:
  /// The only one.
  static Reaper& instance();
  /// Calls finish().
  ~Reaper() { finish(); }
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  /// Releases `held` on the reaper's thread. Any thread, also the reaper's.
  void take(std::shared_ptr<const void> held);
  /// Waits until everything taken is released, and ends the thread; the next take() starts another.
  /// Not from the reaper's thread.
  void finish();

 private:
  Reaper() = default;
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<const void>> taken_;
  bool stopping_ = false;
  bool working_ = false;  ///< the thread has not ended
  std::thread thread_;
};

/// The same object with a separate owner: when that is destroyed, the reaper releases the object.
template <class T>
std::shared_ptr<T> reaped(std::shared_ptr<T> object) {
  T* const raw = object.get();
  return std::shared_ptr<T>(
      raw, [held = std::move(object)](T*) mutable { Reaper::instance().take(std::move(held)); });
}

}  // namespace postern::app
