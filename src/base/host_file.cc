#include "base/host_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace postern {

namespace fs = std::filesystem;

namespace {

std::string shown_path(const std::string& path) { return printable(path, 200); }

tl::unexpected<Error> cannot(const std::string& path, int code) {
  return fail(Fault::not_found, fmt::format("cannot read {}: {}", shown_path(path),
                                            std::generic_category().message(code)));
}

/// False for the folder itself, and for the folder "" (one that does not exist).
bool is_below(const fs::path& path, const fs::path& folder) {
  if (folder.empty()) return false;
  const fs::path plain = folder.has_filename() ? folder : folder.parent_path();
  const auto [end, at] = std::mismatch(plain.begin(), plain.end(), path.begin(), path.end());
  return end == plain.end() && at != path.end();
}

/// The canonical paths of those folders that exist.
std::vector<fs::path> real(const std::vector<std::string>& folders) {
  std::vector<fs::path> out;
  for (const std::string& folder : folders) {
    std::error_code error;
    fs::path path = fs::canonical(folder, error);
    if (!error) out.push_back(std::move(path));
  }
  return out;
}

bool is_below_any(const fs::path& path, const std::vector<fs::path>& folders) {
  return std::ranges::any_of(folders,
                             [&](const fs::path& folder) { return is_below(path, folder); });
}

tl::unexpected<Error> outside(const std::string& path, const FileRules& rules) {
  if (rules.folders->empty()) {
    return fail(Fault::denied, fmt::format("{} may not be read: the configuration lists no folder "
                                           "for such files ({})",
                                           shown_path(path), rules.folders_key));
  }
  if (!fs::path(path).is_absolute()) {
    return fail(Fault::denied, fmt::format("{} may not be read: it is a relative name, and files "
                                           "below a folder of {} are named with their whole path",
                                           shown_path(path), rules.folders_key));
  }
  return fail(Fault::denied, fmt::format("{} may not be read: it is not below a folder of {}",
                                         shown_path(path), rules.folders_key));
}

/// Checked on the path alone, before any file is looked up: the answer reveals nothing about files
/// outside the folders.
bool names_a_folder_of(const std::string& path, const std::vector<std::string>& folders) {
  const fs::path plain = fs::path(path).lexically_normal();
  return plain.is_absolute() && std::ranges::any_of(folders, [&](const std::string& folder) {
           std::error_code error;
           const fs::path listed = fs::path(folder).lexically_normal();
           return is_below(plain, listed) || is_below(plain, fs::canonical(listed, error));
         });
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// Whether this file, under any name, is in a closed folder. A file with a single name can only be
/// at the top level (a folder mounted twice); subfolders are searched only for a file with several
/// hard links.
bool is_closed(const struct stat& file, const fs::path& path, const FileRules& rules) {
  const std::vector<fs::path> open = real(rules.open);
  for (const fs::path& closed : real(rules.closed)) {
    const auto opened = [&](const fs::path& one) {
      return std::ranges::any_of(open, [&](const fs::path& folder) {
        return is_below(folder, closed) && is_below(one, folder);
      });
    };
    if (is_below(path, closed)) {
      if (!opened(path)) return true;
      continue;
    }
    std::error_code error;
    fs::recursive_directory_iterator each(closed, fs::directory_options::skip_permission_denied,
                                          error);
    for (; !error && each != fs::recursive_directory_iterator(); each.increment(error)) {
      struct stat found{};
      if (::lstat(each->path().c_str(), &found) != 0) continue;
      if (S_ISDIR(found.st_mode) && file.st_nlink < 2) each.disable_recursion_pending();
      if (is_same(found, file) && !opened(each->path())) return true;
    }
    if (error) return true;  // the search is incomplete
  }
  return false;
}

std::string link_of(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

}  // namespace

HostFile::HostFile(HostFile&& other) noexcept { *this = std::move(other); }

HostFile& HostFile::operator=(HostFile&& other) noexcept {
  path_ = std::move(other.path_);
  real_path_ = std::move(other.real_path_);
  size_ = other.size_;
  largest_ = other.largest_;
  std::swap(fd_, other.fd_);
  return *this;
}

HostFile::~HostFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<HostFile> HostFile::open(const std::string& path, const FileRules& rules) {
  if (path.find('\0') != std::string::npos) return cannot(path, EINVAL);
  if (rules.folders && !names_a_folder_of(path, *rules.folders)) return outside(path, rules);
  HostFile file;
  file.path_ = path;
  file.largest_ = rules.largest;
  // O_PATH does not open the content: no device is started, no FIFO blocks, no SQLite lock is lost.
  file.fd_ = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (file.fd_ < 0) return cannot(path, errno);
  struct stat status{};
  if (::fstat(file.fd_, &status) != 0) return cannot(path, errno);
  std::error_code error;
  const fs::path real_path = fs::read_symlink(link_of(file.fd_), error);
  if (error) return cannot(path, error.value());
  file.real_path_ = real_path.string();
  if (rules.folders && !is_below_any(real_path, real(*rules.folders))) return outside(path, rules);
  if (!S_ISREG(status.st_mode)) {
    return fail(Fault::denied, fmt::format("{} is not a regular file", shown_path(path)));
  }
  if (is_closed(status, real_path, rules)) {
    return fail(Fault::denied,
                fmt::format("{} may not be read: it lies where the gateway keeps its own "
                            "(server.data_dir)",
                            shown_path(path)));
  }
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  if (file.size_ > rules.largest) {
    return fail(Fault::limit, fmt::format("{} has {} octets, more than the {} that may be read",
                                          shown_path(path), file.size_, rules.largest));
  }
  return file;
}

Result<std::string> HostFile::read() const {
  const int fd = ::open(link_of(fd_).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return cannot(path_, errno);
  std::string text;
  text.reserve(static_cast<std::size_t>(size_));
  std::array<char, 65536> piece;
  Result<std::string> out = std::string();
  // Files of /proc have size 0, and any file may grow while it is read.
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) out = cannot(path_, errno);
    if (got <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() <= largest_) continue;
    out =
        fail(Fault::limit, fmt::format("{} has more than {} octets", shown_path(path_), largest_));
    break;
  }
  ::close(fd);
  if (out) out = std::move(text);
  return out;
}

bool HostFile::is_in_place() const {
  struct stat mine{};
  struct stat there{};
  return ::fstat(fd_, &mine) == 0 && ::lstat(real_path_.c_str(), &there) == 0 &&
         is_same(mine, there);
}

Result<void> may_ask(std::string_view service, const FileRules& rules) {
  if (!rules.services || std::ranges::find(*rules.services, service) != rules.services->end())
    return {};
  return fail(Fault::denied,
              fmt::format("{} is not one of {}", printable(service, 200), rules.services_key));
}

Result<std::string> read_host_file(const std::string& path, const FileRules& rules) {
  const Result<HostFile> file = HostFile::open(path, rules);
  if (!file) return tl::unexpected(file.error());
  return file->read();
}

}  // namespace postern
