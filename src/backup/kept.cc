#include "backup/kept.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>

namespace postern::backup {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view whole_ending = "Z.tar.zst";
constexpr std::string_view config_ending = "Z.config.tar.zst";
constexpr std::size_t time_size = std::string_view("20261124T233559").size();

bool is_time(std::string_view text) {
  if (text.size() != time_size || text[8] != 'T') return false;
  return std::ranges::all_of(text, [](char c) { return c == 'T' || (c >= '0' && c <= '9'); });
}

Error failed(const std::string& what, int why) {
  return {Fault::permanent, what + ": " + std::generic_category().message(why)};
}

}  // namespace

std::string file_name_of(const std::string& hostname, ClockTime time, Extent extent) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("postern-{}-{:%Y%m%dT%H%M%S}{}", hostname,
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     extent == Extent::whole ? whole_ending : config_ending);
}

Result<std::vector<std::string>> keep_newest(const fs::path& made, std::size_t keep) {
  const std::string newest = made.filename().string();
  const std::string_view ending = newest.ends_with(config_ending) ? config_ending : whole_ending;
  const std::string start = newest.substr(0, newest.size() - ending.size() - time_size);
  const fs::path directory = made.parent_path();
  std::vector<std::string> names;
  std::error_code bad;
  for (fs::directory_iterator entry(directory, bad), end; !bad && entry != end;
       entry.increment(bad)) {
    const std::string name = entry->path().filename().string();
    if (name.size() != newest.size() || !name.starts_with(start) || !name.ends_with(ending) ||
        !is_time(std::string_view(name).substr(start.size(), time_size)) || name >= newest) {
      continue;
    }
    std::error_code gone;
    if (fs::is_regular_file(entry->symlink_status(gone))) names.push_back(name);
  }
  if (bad) return tl::unexpected(failed("reading " + directory.string(), bad.value()));
  std::ranges::sort(names);
  names.resize(names.size() - std::min(names.size(), keep - std::min<std::size_t>(keep, 1)));
  for (const std::string& name : names) {
    const fs::path path = directory / name;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return tl::unexpected(failed("deleting " + path.string(), errno));
    }
  }
  return names;
}

Result<void> note_backup(const fs::path& data_dir, ClockTime time) {
  const std::string path = (data_dir / note_name).string();
  const std::string draft = path + ".new";  // new: nobody else can have put a link there
  ::unlink(draft.c_str());
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return tl::unexpected(failed("making " + draft, errno));
  struct stat directory{};
  const timespec when{std::chrono::system_clock::to_time_t(time), 0};
  const timespec times[2] = {when, when};
  const bool done =
      ::stat(data_dir.c_str(), &directory) == 0 &&
      (directory.st_uid == ::geteuid() || ::fchown(fd, directory.st_uid, directory.st_gid) == 0) &&
      ::futimens(fd, times) == 0 && std::rename(draft.c_str(), path.c_str()) == 0;
  const int why = errno;
  ::close(fd);
  if (done) return {};
  ::unlink(draft.c_str());
  return tl::unexpected(failed("making " + path, why));
}

std::optional<ClockTime> last_backup(const fs::path& data_dir) {
  struct stat note{};
  if (::lstat((data_dir / note_name).c_str(), &note) != 0 || !S_ISREG(note.st_mode)) {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(note.st_mtim.tv_sec);
}

}  // namespace postern::backup
