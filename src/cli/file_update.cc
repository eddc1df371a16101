#include "cli/file_update.h"

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_io.h"
#include "base/ulid.h"
#include "config/input_file.h"

namespace postern::app {

namespace {

Result<void> cannot_write(const std::string& file) {
  return fail(Fault::denied,
              fmt::format("cannot write {}: {}", file, std::generic_category().message(errno)));
}

}  // namespace

Result<void> replace_file(const std::string& name, std::string_view before,
                          std::string_view after) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(name, error);
  const std::string file = error ? name : real.string();
  struct stat found{};
  const bool there = ::stat(file.c_str(), &found) == 0;
  if (there) {
    const Result<std::string> now = read_input(file, std::cin);
    if (!now) return tl::unexpected(now.error());
    if (*now != before) {
      return fail(Fault::conflict, name + " was changed meanwhile, and is left as it is");
    }
  } else if (!before.empty()) {
    return fail(Fault::conflict, name + " is not there any more");
  }
  if (there && !S_ISREG(found.st_mode)) return fail(Fault::denied, name + " is no regular file");
  const std::string draft = fmt::format("{}.{}", file, new_ulid());
  const int descriptor =
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, there ? 0600 : 0666);
  if (descriptor < 0) return cannot_write(file);
  const bool written = write_all(descriptor, after) &&
                       (!there || ::fchmod(descriptor, found.st_mode & 07777) == 0) &&
                       again_after_signal(::fsync, descriptor) == 0;
  const bool closed = ::close(descriptor) == 0;
  if (written && closed && ::rename(draft.c_str(), file.c_str()) == 0) return {};
  const Result<void> failed = cannot_write(file);
  ::unlink(draft.c_str());
  return failed;
}

Result<void> write_file(const std::string& file, std::string_view text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return cannot_write(file);
  const bool written = write_all(descriptor, text);
  const bool closed = ::close(descriptor) == 0;
  if (!written || !closed) return cannot_write(file);
  return {};
}

}  // namespace postern::app
