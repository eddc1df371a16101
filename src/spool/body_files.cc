#include "spool/body_files.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_io.h"
#include "base/io_error.h"
#include "base/sha256.h"
#include "base/ulid.h"

namespace postern::spool {
namespace {

Result<std::string> copy(int fd, const Body& body) {
  Sha256 sum;
  std::string buffer;
  for (std::uint64_t at = 0; at < body.size();) {
    const Result<std::string_view> piece = body.piece(at, buffer);
    if (!piece) return tl::unexpected(piece.error());
    sum.add(*piece);
    if (!write_all(fd, *piece)) return io_error("writing a message body");
    at += piece->size();
  }
  if (again_after_signal(::fdatasync, fd) != 0) return io_error("flushing a message body");
  return sum.finish();
}

}  // namespace

std::string BodyFiles::folder_of(std::string_view id) const {
  return fmt::format("{}/{}", directory_, id.substr(id.size() - 2));
}

std::string BodyFiles::path_of(const std::string& id) const { return folder_of(id) + "/" + id; }

Result<void> BodyFiles::prepare() {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    return io_error(fmt::format("making {}", directory_));
  }
  return flush_directory(directory_);
}

Result<void> BodyFiles::make_folder(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  if (folders_.contains(folder)) return {};
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return io_error(fmt::format("making {}", folder));
  }
  if (Result<void> flushed = flush_directory(directory_); !flushed) return flushed;
  folders_.insert(folder);
  return {};
}

Result<std::string> BodyFiles::write(const std::string& id, const Body& body) {
  const std::string folder = folder_of(id);
  if (Result<void> made = make_folder(folder); !made) return tl::unexpected(made.error());
  const std::string path = path_of(id);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return io_error("making a message body's file");
  Result<std::string> done = copy(fd, body);
  ::close(fd);
  if (done) {
    if (Result<void> named = flush_directory(folder); !named) {
      done = tl::unexpected(std::move(named.error()));
    }
  }
  if (!done) ::unlink(path.c_str());
  return done;
}

Result<int> BodyFiles::open(const std::string& id, std::uint64_t size) const {
  const int fd = ::open(path_of(id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return fail(Fault::damaged, "a message body's file is missing");
  if (fd < 0) return io_error("opening a message body's file");
  struct stat status{};
  Result<int> opened = fd;
  if (::fstat(fd, &status) != 0) {
    opened = io_error("opening a message body's file");
  } else if (static_cast<std::uint64_t>(status.st_size) != size) {
    opened = fail(Fault::damaged, fmt::format("a message body's file has {} octets instead of {}",
                                              status.st_size, size));
  }
  if (!opened) ::close(fd);
  return opened;
}

bool BodyFiles::remove(const std::string& id) {
  return ::unlink(path_of(id).c_str()) == 0 || errno == ENOENT;
}

Result<void> BodyFiles::each(const std::function<void(const std::string& id)>& see) const {
  std::error_code bad;
  for (std::filesystem::directory_iterator folder(directory_, bad), end; !bad && folder != end;
       folder.increment(bad)) {
    for (std::filesystem::directory_iterator file(folder->path(), bad); !bad && file != end;
         file.increment(bad)) {
      const std::string name = file->path().filename().string();
      if (is_ulid(name) && file->path() == path_of(name)) see(name);
    }
  }
  if (bad) {
    return fail(Fault::permanent, fmt::format("reading {}: {}", directory_, bad.message()));
  }
  return {};
}

}  // namespace postern::spool
