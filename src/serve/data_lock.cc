#include "serve/data_lock.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/acting_owner.h"

namespace postern::app {

Result<DataLock> DataLock::take(const std::string& data_dir, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds pause{20};
  struct stat about{};
  if (::stat(data_dir.c_str(), &about) != 0) {
    const int code = errno;
    return fail(code == ENOENT ? Fault::not_found : Fault::permanent,
                fmt::format("{}: {}", data_dir, std::strerror(code)));
  }
  const std::string path = file(data_dir);
  // The lock belongs to the directory's owner even if root creates it; otherwise the gateway could
  // not open it.
  const auto owner = ActingOwner::of(data_dir);
  if (!owner) return tl::unexpected(owner.error());
  constexpr int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | flags, 0600);
  if (fd < 0 && errno == EACCES && owner->acts()) {
    fd = ::open(path.c_str(), O_RDONLY | flags);  // root's, in a directory that was given away
  }
  if (fd < 0) {
    return fail(Fault::permanent, fmt::format("cannot write in the data directory {}: {}", data_dir,
                                              std::strerror(errno)));
  }
  DataLock lock(fd);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail(Fault::permanent, fmt::format("cannot lock {}: {}", path, std::strerror(errno)));
    }
    if (std::chrono::steady_clock::now() >= until) {
      return fail(Fault::conflict,
                  fmt::format("another postern uses the data directory {}", data_dir));
    }
    std::this_thread::sleep_for(pause);
  }
  return lock;
}

bool DataLock::is_held(const std::string& data_dir) {
  const int fd = ::open(file(data_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return errno != ENOENT;  // somebody else's may be held
  const bool free = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
  ::close(fd);
  return !free;
}

DataLock::~DataLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> make_data_directory(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::create_directory(directory, error)) {
    fs::permissions(directory, fs::perms::owner_all, error);
  }
  if (!error) return {};
  const fs::path parent = fs::path(directory).parent_path();
  std::error_code ignored;
  if (!parent.empty() && !fs::is_directory(parent, ignored)) {
    return fail(Fault::permanent,
                fmt::format("cannot create the data directory {}: {} is not there; "
                            "make it, or mount the disk that has it",
                            directory, parent.string()));
  }
  return fail(Fault::permanent,
              fmt::format("cannot create the data directory {}: {}", directory, error.message()));
}

}  // namespace postern::app
