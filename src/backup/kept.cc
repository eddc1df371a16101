#include "backup/kept.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>

#include "base/ulid.h"

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

/// What the names of one host and extent have in common; nothing for a name of another kind.
struct Kind {
  std::string start;
  std::string_view ending;
  /// Whether `name` is of this kind.
  bool has(std::string_view name) const {
    return name.size() == start.size() + time_size + ending.size() && name.starts_with(start) &&
           name.ends_with(ending) && is_time(name.substr(start.size(), time_size));
  }
};

std::optional<Kind> kind_of(const std::string& name) {
  const std::string_view ending = name.ends_with(config_ending) ? config_ending : whole_ending;
  if (!name.ends_with(ending) || name.size() < ending.size() + time_size) return std::nullopt;
  Kind kind{.start = name.substr(0, name.size() - ending.size() - time_size), .ending = ending};
  if (!kind.has(name)) return std::nullopt;
  return kind;
}

constexpr std::string_view draft_ending = ".part";
constexpr std::size_t draft_addition = 1 + 26 + draft_ending.size();  // ".", a ULID

/// The name that a draft was to get; "" if the file is none.
std::string_view name_behind(std::string_view draft) {
  if (draft.size() <= draft_addition || !draft.ends_with(draft_ending)) return {};
  const std::string_view name = draft.substr(0, draft.size() - draft_addition);
  const std::string_view id =
      draft.substr(name.size() + 1, draft_addition - 1 - draft_ending.size());
  return draft[name.size()] == '.' && is_ulid(id) ? name : std::string_view();
}

/// Deletes a draft that no process has locked.
void remove_draft(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  struct stat about{};
  if (::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && ::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    ::unlink(path.c_str());
  }
  ::close(fd);
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
  const std::optional<Kind> kind = kind_of(newest);
  if (!kind) return tl::unexpected(failed("the name " + newest, EINVAL));
  const fs::path directory = made.parent_path();
  std::vector<std::string> names;
  std::error_code bad;
  for (fs::directory_iterator entry(directory, bad), end; !bad && entry != end;
       entry.increment(bad)) {
    const std::string name = entry->path().filename().string();
    if (!kind->has(name) || name >= newest) continue;
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

Result<Draft> make_draft(const fs::path& made) {
  while (true) {
    Draft draft{.path = made.string() + "." + new_ulid() + std::string(draft_ending)};
    draft.fd =
        ::open(draft.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (draft.fd < 0) return tl::unexpected(failed("making " + draft.path, errno));
    // Before it was locked, another backup may have taken it for one that was left.
    const bool locked = ::flock(draft.fd, LOCK_EX | LOCK_NB) == 0;
    const int why = errno;
    struct stat about{};
    if (locked && ::fstat(draft.fd, &about) == 0 && about.st_nlink > 0) return draft;
    ::unlink(draft.path.c_str());
    ::close(draft.fd);
    if (!locked && why != EWOULDBLOCK) return tl::unexpected(failed("locking " + draft.path, why));
  }
}

void remove_drafts(const fs::path& made) {
  const std::string newest = made.filename().string();
  const std::optional<Kind> kind = kind_of(newest);
  const fs::path directory = made.has_parent_path() ? made.parent_path() : fs::path(".");
  std::error_code bad;
  for (fs::directory_iterator entry(directory, bad), end; !bad && entry != end;
       entry.increment(bad)) {
    const std::string file = entry->path().filename().string();
    const std::string_view name = name_behind(file);
    if (name.empty() || (name != newest && !(kind && kind->has(name)))) continue;
    remove_draft(entry->path().string());
  }
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
