// Ends the blocking calls of a client library at a deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace postern::net {

/// Shuts a socket down at a deadline, so that a library that waits for it without a limit returns.
/// Has a thread of its own while it lives. Thread-safe.
class DeadlineWatch {
 public:
  /// `thread_name`: at most 15 octets.
  DeadlineWatch(const char* thread_name, std::chrono::steady_clock::time_point deadline);
  /// The socket is left open.
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

  /// Watches this socket; after the deadline it is shut down at once. -1: it is closed now, and
  /// none is watched.
  void watch(int descriptor);

 private:
  void guard(std::chrono::steady_clock::time_point deadline);

  std::mutex mutex_;
  std::condition_variable wake_;
  int descriptor_ = -1;
  bool over_ = false;
  bool late_ = false;
  std::thread thread_;
};

}  // namespace postern::net
