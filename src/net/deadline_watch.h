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
  /// The socket is left as it is.
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

  /// Watches this socket instead of the one before; after the deadline it is shut down at once.
  /// -1: none is watched. The socket may be closed without a call: a duplicate of the descriptor
  /// is kept, so its number, which another socket may have got, does not matter. The connection
  /// ends when the duplicate is closed too: by the next call or the destructor. The socket must be
  /// open during the call. Without a free descriptor it is shut down at once.
  void watch(int descriptor);

 private:
  void guard(std::chrono::steady_clock::time_point deadline);
  void replace(int duplicate);

  std::mutex mutex_;
  std::condition_variable wake_;
  int duplicate_ = -1;  ///< -1: none
  bool over_ = false;
  bool late_ = false;
  std::thread thread_;
};

}  // namespace postern::net
