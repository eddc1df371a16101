// The part of the sandbox that is seccomp: system calls.
#pragma once

#include "base/error.h"

namespace postern::sandbox {

/// What a filter leaves allowed besides what every program of ours needs.
struct Calls {
  /// Programs may be started, and only calls that no program needs are refused, for these programs,
  /// too.
  bool programs = false;
  bool network = true;       ///< sockets
  bool files_later = false;  ///< restrict_files() after it
  bool users = false;        ///< root takes on the rights of other users
};

/// Filters the system calls of all threads: what is not on the list answers EPERM, and a call of
/// another architecture's table ends the process. Needs no_new_privs, or sets it. Fault::not_found
/// if the kernel has no seccomp filters; Fault::permanent else.
Result<void> filter_calls(const Calls& calls);

}  // namespace postern::sandbox
