// The signals for which the main thread of `serve` waits; all other threads must block them.
#pragma once

#include <csignal>

#include <pthread.h>

namespace postern::app {

/// The signals that end the gateway or reload its configuration.
inline sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
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
