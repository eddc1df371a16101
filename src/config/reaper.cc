#include "config/reaper.h"

#include <utility>

#include "base/thread.h"
#include "config/signals.h"

namespace postern::app {

Reaper& Reaper::instance() {
  static Reaper reaper;
  return reaper;
}

void Reaper::take(std::shared_ptr<const void> held) {
  const std::lock_guard lock(mutex_);
  taken_.push_back(std::move(held));
  if (!working_) {
    if (thread_.joinable()) thread_.join();  // it has ended
    const SignalsBlocked blocked;
    working_ = true;
    thread_ = named_thread("reaper", [this] { work(); });
  }
  wake_.notify_one();
}

void Reaper::finish() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  wake_.notify_one();
  if (thread.joinable()) thread.join();
  const std::lock_guard lock(mutex_);
  stopping_ = false;
}

void Reaper::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !taken_.empty(); });
    if (taken_.empty()) break;
    std::shared_ptr<const void> held = std::move(taken_.front());
    taken_.pop_front();
    lock.unlock();
    // The destructor may pass more to the reaper, such as a policy's runtime; this thread takes it,
    // even while another thread waits in finish().
    held.reset();
    lock.lock();
  }
  working_ = false;
}

}  // namespace postern::app
