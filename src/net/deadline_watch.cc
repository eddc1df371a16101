#include "net/deadline_watch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

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
  replace(-1);
}

void DeadlineWatch::watch(int descriptor) {
  const int duplicate = descriptor < 0 ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  // Nothing could end the library's wait for it.
  if (descriptor >= 0 && duplicate < 0) ::shutdown(descriptor, SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  replace(duplicate);
  if (late_ && duplicate_ >= 0) ::shutdown(duplicate_, SHUT_RDWR);
}

void DeadlineWatch::replace(int duplicate) {
  if (duplicate_ >= 0) ::close(duplicate_);
  duplicate_ = duplicate;
}

void DeadlineWatch::guard(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (wake_.wait_until(lock, deadline, [this] { return over_; })) return;
  late_ = true;
  if (duplicate_ >= 0) ::shutdown(duplicate_, SHUT_RDWR);
}

}  // namespace postern::net
