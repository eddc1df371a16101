#include "net/deadline_watch.h"

#include <sys/socket.h>

#include "base/thread.h"

namespace postern::net {

DeadlineWatch::DeadlineWatch(const char* thread_name,
                             std::chrono::steady_clock::time_point deadline)
    : thread_(named_thread(thread_name, [this, deadline] { guard(deadline); })) {}

DeadlineWatch::~DeadlineWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void DeadlineWatch::watch(int descriptor) {
  const std::lock_guard lock(mutex_);
  descriptor_ = descriptor;
  if (late_ && descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

void DeadlineWatch::guard(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (wake_.wait_until(lock, deadline, [this] { return over_; })) return;
  late_ = true;
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

}  // namespace postern::net
