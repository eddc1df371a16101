// Writing files so that they are on stable storage.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern {

/// Calls fsync(2) or fdatasync(2) again only after EINTR, which some file systems return and which
/// says nothing about the disk. Any other error is final.
int again_after_signal(int (*flush)(int), int fd);

/// Writes all octets, also after a signal. False: `errno` says why, and some may be written.
bool write_all(int fd, std::string_view octets);

/// Flushes a directory: its names are on stable storage afterwards. Faults as in io_error().
Result<void> flush_directory(const std::string& path);

}  // namespace postern
