// Whether a failed system call says that a disk is full.
#pragma once

#include <cerrno>

namespace postern {

/// Whether this value of `errno` means Fault::disk_full: no space on the file system, a quota used
/// up, or a file as large as it may become.
constexpr bool is_disk_full(int code) { return code == ENOSPC || code == EDQUOT || code == EFBIG; }

}  // namespace postern
