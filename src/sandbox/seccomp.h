// The part of the sandbox that is seccomp: system calls.
#pragma once

#include "base/error.h"

namespace postern::sandbox {

/// Filters the system calls of all threads: what is not on the list answers EPERM, and a call of
/// another architecture's table ends the process. `programs`: programs may be started, and only
/// calls that no program needs are refused, for these programs, too. Needs no_new_privs, or sets
/// it. Fault::not_found if the kernel has no seccomp filters; Fault::permanent else.
Result<void> filter_calls(bool programs);

}  // namespace postern::sandbox
