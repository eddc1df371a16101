// Runs a system call's worth of work on every thread of the process, for what the kernel binds to
// one thread.
#pragma once

#include "base/error.h"

namespace postern::sandbox {

/// Runs `work(argument)` once on every thread, the calling one included, and on those that start
/// meanwhile unless they inherit from a thread that has run it. `work` runs in a signal handler:
/// async-signal-safe calls alone (signal-safety(7)); it returns 0 or an errno value.
/// Fault::permanent with the first such error, or if a thread does not answer within two seconds;
/// then some threads have run it and some have not. One call at a time; blocks.
Result<void> on_every_thread(int (*work)(int), int argument);

}  // namespace postern::sandbox
