// Writing files so that they are on stable storage, and reading what was written so.
#pragma once

#include <optional>
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

/// What a file begins with, `most` octets at most; nullopt: there is none. No link is followed, and
/// nothing is waited for. Faults as in io_error().
Result<std::optional<std::string>> start_of_file(const std::string& path, std::size_t most);

/// Writes a file of mode 0600 in place of one that may exist, in one step, and flushes both the
/// octets and the name. Faults as in io_error(); the old file stays then.
Result<void> replace_file(const std::string& path, std::string_view octets);

}  // namespace postern
