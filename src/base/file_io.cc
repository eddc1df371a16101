#include "base/file_io.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/io_error.h"

namespace postern {

int again_after_signal(int (*flush)(int), int fd) {
  int result = 0;
  do {
    result = flush(fd);
  } while (result != 0 && errno == EINTR);
  return result;
}

bool write_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = ::write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<void> flush_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error(fmt::format("opening {}", path));
  Result<void> done;
  if (again_after_signal(::fsync, fd) != 0) done = io_error(fmt::format("flushing {}", path));
  ::close(fd);
  return done;
}

}  // namespace postern
