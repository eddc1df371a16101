#include "base/file_io.h"

#include <cerrno>
#include <cstdio>

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

Result<std::optional<std::string>> start_of_file(const std::string& path, std::size_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return io_error(path);
  std::string text(most, '\0');
  const ssize_t size = ::read(fd, text.data(), text.size());
  const tl::unexpected<Error> trouble = io_error(path);
  ::close(fd);
  if (size < 0) return trouble;
  text.resize(static_cast<std::size_t>(size));
  return std::optional(std::move(text));
}

Result<void> replace_file(const std::string& path, std::string_view octets) {
  const std::string draft = path + ".new";
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(draft);
  const bool written = write_all(fd, octets) && again_after_signal(::fdatasync, fd) == 0;
  const tl::unexpected<Error> trouble = io_error(draft);
  ::close(fd);
  if (!written) return trouble;
  if (std::rename(draft.c_str(), path.c_str()) != 0) return io_error(path);
  const std::size_t slash = path.rfind('/');
  return flush_directory(slash == std::string::npos ? "." : path.substr(0, slash));
}

}  // namespace postern
