#include "sandbox/capabilities.h"

#include <cerrno>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/every_thread.h"

namespace postern::sandbox {

namespace {

/// In a signal handler.
int drop_of_this_thread(int) {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return ::syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

}  // namespace

Result<void> drop_capabilities() {
  if (::geteuid() == 0) return {};
  return on_every_thread(drop_of_this_thread, 0);
}

}  // namespace postern::sandbox
