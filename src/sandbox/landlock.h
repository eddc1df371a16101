// The part of the sandbox that is Landlock: files and ports.
#pragma once

#include "base/error.h"
#include "sandbox/sandbox.h"

namespace postern::sandbox {

/// The version of the kernel's Landlock; 0: it has none, or it is switched off.
int landlock_version();
/// Restricts all threads: files as `plan` says, nothing is executed, and TCP sockets are bound to
/// ports that the system picks alone (version 4). Needs landlock_version() > 0 and no_new_privs on
/// every thread is set by it. Errors as put_on().
Result<void> restrict_files(const Plan& plan);

}  // namespace postern::sandbox
