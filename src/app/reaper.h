// Policies whose last session has ended are taken down here: closing their virtual machines, their
// threads and their resolver takes time, which an event loop of mail does not have.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace postern::app {

/// One for the process, with a thread that begins at the first use.
class Reaper {
 public:
  static Reaper& instance();
  ~Reaper() { finish(); }
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  /// Lets go of what is held, on the reaper's thread. From any thread, its own too.
  void take(std::shared_ptr<const void> held);
  /// Waits until all that was taken is gone, and ends the thread; the next take() begins another.
  /// Not from the reaper's thread.
  void finish();

 private:
  Reaper() = default;
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<const void>> taken_;
  bool stopping_ = false;
  bool working_ = false;  ///< the thread has not come to its end
  std::thread thread_;
};

/// The same object under an owner of its own: when that one goes, the reaper lets go of the object.
template <class T>
std::shared_ptr<T> reaped(std::shared_ptr<T> object) {
  T* const raw = object.get();
  return std::shared_ptr<T>(
      raw, [held = std::move(object)](T*) mutable { Reaper::instance().take(std::move(held)); });
}

}  // namespace postern::app
