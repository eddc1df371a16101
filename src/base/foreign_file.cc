#include "base/foreign_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace postern {

std::string why_not_for_root(const std::string& path) {
  if (::geteuid() != 0 || path.empty() || path.front() == ':') return {};
  struct stat about{};
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (::stat(folder.c_str(), &about) == 0) {
    if (about.st_uid != 0) return fmt::format("{} belongs to uid {}", folder, about.st_uid);
    if ((about.st_mode & S_IWOTH) != 0) return fmt::format("all users can write in {}", folder);
  }
  for (const char* const end : {"", "-journal", "-wal", "-shm"}) {
    const std::string file = path + end;
    if (::lstat(file.c_str(), &about) != 0) continue;
    if (about.st_uid != 0) return fmt::format("{} belongs to uid {}", file, about.st_uid);
    if (*end != '\0' && S_ISLNK(about.st_mode)) return file + " is a symbolic link";
  }
  return {};
}

}  // namespace postern
