// The signals that the main thread of `serve` waits for; no other thread may see them.
#pragma once

#include <csignal>

#include <pthread.h>

namespace postern::app {

/// What ends the gateway or makes it read its configuration again.
inline sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// Threads that are made while it lives have them blocked for ever, the thread that holds it until
/// it goes: a signal that finds one thread where it is not blocked ends the process there.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    const sigset_t signals = awaited_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace postern::app
