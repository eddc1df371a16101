// The signals for which the main thread of `serve` waits; all other threads must block them.
#pragma once

#include <chrono>
#include <csignal>

#include <pthread.h>
#include <unistd.h>

namespace postern::app {

/// The signals that end the gateway or reload its configuration.
inline sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// Those of them that end the gateway.
inline sigset_t ending_signals() {
  sigset_t signals = awaited_signals();
  sigdelset(&signals, SIGHUP);
  return signals;
}

/// Whether one of them waits to be received. All threads block them.
inline bool is_end_asked() {
  sigset_t pending{};
  ::sigpending(&pending);
  return ::sigismember(&pending, SIGTERM) == 1 || ::sigismember(&pending, SIGINT) == 1;
}

/// Sleeps so long, or until the end of the process is asked for. False: it is; whoever receives
/// the signal later still does. All threads block them.
inline bool sleep_until_end_asked(std::chrono::milliseconds time) {
  const sigset_t signals = ending_signals();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const timespec limit{.tv_sec = seconds.count(),
                       .tv_nsec = std::chrono::nanoseconds(time - seconds).count()};
  const int received = ::sigtimedwait(&signals, nullptr, &limit);
  if (received > 0) ::kill(::getpid(), received);
  return received <= 0;
}

/// Blocks these signals in the current thread during its lifetime, and permanently in threads
/// created meanwhile: a signal that any thread does not block would end the process.
class SignalsBlocked {
 public:
  /// Blocks the signals.
  SignalsBlocked() {
    const sigset_t signals = awaited_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  /// Restores the current thread's mask.
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace postern::app
