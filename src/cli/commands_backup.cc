// `postern backup` and `postern restore`.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <thread>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "backup/backup.h"
#include "backup/kept.h"
#include "backup/restore.h"
#include "base/file_io.h"
#include "base/text.h"
#include "base/time_text.h"
#include "base/ulid.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/progress.h"
#include "config/key_file.h"
#include "serve/acting_owner.h"
#include "serve/cluster_member.h"
#include "serve/control_file.h"
#include "serve/data_lock.h"
#include "spool/body_files.h"

namespace postern::app {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::chrono::seconds backup_lock_patience{5};
constexpr std::size_t most_kept = 10'000;

ExitCode exit_of(const Error& error) {
  switch (error.fault) {
    case Fault::malformed:
      return ExitCode::bad_data;
    case Fault::denied:
      return ExitCode::config;  // a newer Postern wrote it
    case Fault::not_found:
      return ExitCode::no_input;
    case Fault::temporary:
    case Fault::conflict:
      return ExitCode::try_again;
    default:
      return ExitCode::io;
  }
}

int refuse(const Error& error, const Arguments& arguments, Streams& streams,
           std::string_view hint = "") {
  report(error.message, hint, arguments.has("--json"), streams);
  return to_int(exit_of(error));
}

int refuse(ExitCode code, std::string_view message, std::string_view hint,
           const Arguments& arguments, Streams& streams) {
  report(message, hint, arguments.has("--json"), streams);
  return to_int(code);
}

/// Where the data is, and the name of the gateway.
struct Gateway {
  fs::path data_dir;
  std::string hostname;
  bool in_cluster = false;  ///< the queue and the accounts are in the database of a cluster
};

/// Whether a gateway of a cluster used it last.
bool is_of_cluster(const fs::path& data_dir) {
  std::error_code unreadable;
  return fs::exists(cluster_mark(data_dir.string()), unreadable) ||
         fs::exists(moved_mark(data_dir.string()), unreadable);
}

std::optional<Gateway> gateway_of(const Arguments& arguments, Streams& streams) {
  Gateway found;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) == 0) found.hostname = name;
  const auto given = arguments.value("--data-dir");
  if (given && !config_named(arguments)) {
    found.data_dir = *given;
    found.in_cluster = is_of_cluster(found.data_dir);
    return found;
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return std::nullopt;
  found.data_dir = given.value_or(config->server.data_dir.string());
  found.in_cluster = !config->cluster.database.empty() || is_of_cluster(found.data_dir);
  if (!config->server.hostname.empty()) found.hostname = config->server.hostname;
  return found;
}

/// The file of a backup. It has its name once it is whole; until then a draft that is removed.
class Output {
 public:
  /// `target`: "-", a directory, or a file that does not exist.
  static Result<Output> open(const std::string& target, const Gateway& gateway,
                             backup::Extent extent) {
    Output made;
    if (target == "-") {
      made.fd_ = STDOUT_FILENO;
      return made;
    }
    std::error_code unreadable;
    made.path_ = target;
    if (fs::is_directory(target, unreadable)) {
      made.named_ = [folder = made.path_, hostname = gateway.hostname, extent] {
        return folder / backup::file_name_of(hostname, std::chrono::system_clock::now(), extent);
      };
      made.path_ = made.named_();
    } else if (fs::exists(fs::symlink_status(made.path_, unreadable))) {
      return fail(Fault::conflict, made.path_.string() + " exists");
    }
    backup::remove_drafts(made.path_);
    auto draft = backup::make_draft(made.path_);
    if (!draft) return tl::unexpected(draft.error());
    made.draft_ = std::move(draft->path);
    made.fd_ = draft->fd;
    return made;
  }
  ~Output() {
    if (draft_.empty()) return;
    ::close(fd_);
    ::unlink(draft_.c_str());
  }
  Output(Output&& other) noexcept
      : path_(std::move(other.path_)),
        named_(std::move(other.named_)),
        draft_(std::exchange(other.draft_, {})),
        fd_(std::exchange(other.fd_, -1)) {}
  Output& operator=(Output&&) = delete;

  /// False: `errno` says why.
  bool write(std::string_view octets) const { return write_all(fd_, octets); }

  /// Gives the file its name, on stable storage. A file of that name that was made meanwhile stays.
  Result<void> finish() {
    if (draft_.empty()) return {};
    bool made = ::fsync(fd_) == 0 && ::link(draft_.c_str(), path_.c_str()) == 0;
    // Names are by the second, and another backup may have this one.
    for (int tries = 0; !made && errno == EEXIST && named_ && tries < most_of_a_second; ++tries) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      path_ = named_();
      made = ::link(draft_.c_str(), path_.c_str()) == 0;
    }
    if (!made) {
      return fail(Fault::permanent,
                  fmt::format("writing {}: {}", path_.string(), std::strerror(errno)));
    }
    const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
    return flush_directory(folder.string());
  }

  /// "" for standard output.
  std::string name() const { return path_.string(); }

 private:
  static constexpr int most_of_a_second = 10;  ///< backups that end at once
  Output() = default;
  fs::path path_;
  std::function<fs::path()> named_;  ///< the name that it would get now; null: it was given
  std::string draft_;
  int fd_ = -1;
};

/// The lock of the directory where no gateway runs, none where one runs.
Result<std::optional<DataLock>> lock_or_gateway(const fs::path& data_dir) {
  auto lock = DataLock::take(data_dir.string());
  if (lock) return std::optional<DataLock>(std::move(*lock));
  if (lock.error().fault != Fault::conflict) return tl::unexpected(lock.error());
  if (::access(control_path(data_dir.string()).c_str(), F_OK) == 0)
    return std::optional<DataLock>();
  lock = DataLock::take(data_dir.string(), backup_lock_patience);  // another command, or it starts
  if (lock) return std::optional<DataLock>(std::move(*lock));
  if (lock.error().fault == Fault::conflict &&
      ::access(control_path(data_dir.string()).c_str(), F_OK) == 0) {
    return std::optional<DataLock>();
  }
  return tl::unexpected(lock.error());
}

void tell(const backup::BackupMade& made, const std::string& file, const Arguments& arguments,
          Streams& streams) {
  const backup::Manifest& manifest = made.manifest;
  std::ostream& out = file.empty() ? streams.err : streams.out;  // the backup is standard output
  if (arguments.has("--json")) {
    out << json_text(json::object{{"file", file},
                                  {"time", to_rfc3339(manifest.time)},
                                  {"files", manifest.files.size()},
                                  {"octets", made.octets},
                                  {"messages", manifest.messages},
                                  {"policies", manifest.policies},
                                  {"accounts", manifest.accounts},
                                  {"missing", made.missing},
                                  {"held_ms", made.held.count()}})
        << '\n';
    return;
  }
  if (arguments.has("--quiet")) return;
  out << fmt::format(
      "{}: {} files, {} octets; {} messages in the queue, {} policies, {} accounts\n"
      "It contains keys, password hashes and mail: keep it as safe as the gateway.\n",
      file.empty() ? "standard output" : file, manifest.files.size(), made.octets,
      manifest.messages, manifest.policies, manifest.accounts);
  if (made.missing > 0) {
    streams.err << fmt::format(
        "{} files that the databases name do not exist; for mail, `postern queue verify`\n",
        made.missing);
  }
}

}  // namespace

int run_backup(const Arguments& arguments, Streams& streams) {
  if (arguments.words.empty()) {
    return report_usage({"the file of the backup is missing", "`postern backup --help`"},
                        arguments.has("--json"), streams);
  }
  ::umask(077);
  const std::string& target = arguments.words.front();
  std::size_t keep = 0;
  if (const auto given = arguments.value("--keep")) {
    const auto number = parse_number(*given);
    std::error_code unreadable;
    if (!number || *number == 0 || *number > most_kept || !fs::is_directory(target, unreadable)) {
      return report_usage(
          {fmt::format("`--keep` is a number from 1 to {}, for a directory of backups", most_kept),
           "`postern backup --help`"},
          arguments.has("--json"), streams);
    }
    keep = *number;
  }
  if (target == "-" && ::isatty(STDOUT_FILENO) == 1) {
    return report_usage({"a backup is not for a terminal", "`postern backup - > FILE`"},
                        arguments.has("--json"), streams);
  }
  const std::optional<Gateway> gateway = gateway_of(arguments, streams);
  if (!gateway) return to_int(ExitCode::config);
  const bool config_only = arguments.has("--config-only");
  auto output = Output::open(target, *gateway,
                             config_only ? backup::Extent::config_only : backup::Extent::whole);
  if (!output) {
    return refuse(ExitCode::cannot_create, output.error().message, "name another file", arguments,
                  streams);
  }
  // The output is root's, what is read is another user's.
  auto acting = ActingOwner::of(gateway->data_dir.string());
  if (!acting) return refuse(acting.error(), arguments, streams);
  std::optional<ActingOwner> owner(std::move(*acting));
  auto lock = lock_or_gateway(gateway->data_dir);
  if (!lock) return refuse(lock.error(), arguments, streams);
  Progress progress(streams.err, arguments, "octets");
  const auto made = backup::make_backup(
      {.data_dir = gateway->data_dir.string(),
       .hostname = gateway->hostname,
       .traces = !arguments.has("--without-traces"),
       .config_only = config_only,
       .links = !owner->acts(),
       .taken = [&] { lock->reset(); },
       .progress = [&](std::uint64_t done, std::uint64_t all) { progress.show(done, all); }},
      [&](std::string_view octets) { return output->write(octets); });
  if (!made) return refuse(made.error(), arguments, streams);
  owner.reset();
  if (const Result<void> named = output->finish(); !named) {
    return refuse(named.error(), arguments, streams);
  }
  Result<void> noted;
  if (!config_only) {
    const auto again = ActingOwner::of(gateway->data_dir.string());
    noted = again ? backup::note_backup(gateway->data_dir, made->manifest.time)
                  : tl::unexpected(again.error());
  }
  tell(*made, output->name(), arguments, streams);
  const auto deleted =
      keep > 0 ? backup::keep_newest(output->name(), keep) : Result<std::vector<std::string>>();
  if (!deleted) return refuse(deleted.error(), arguments, streams);
  if (!arguments.has("--json") && !arguments.has("--quiet")) {
    for (const std::string& name : *deleted) streams.out << "deleted " << name << '\n';
  }
  if (!noted) return refuse(noted.error(), arguments, streams);  // the backup itself is whole
  return to_int(ExitCode::ok);
}

namespace {

/// The file that is restored, in pieces.
class BackupInput {
 public:
  explicit BackupInput(const std::string& name)
      : fd_(name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~BackupInput() {
    if (fd_ > STDIN_FILENO) ::close(fd_);
  }
  BackupInput(const BackupInput&) = delete;
  BackupInput& operator=(const BackupInput&) = delete;
  bool is_open() const { return fd_ >= 0; }
  Result<std::string_view> read() {
    while (true) {
      const ssize_t got = ::read(fd_, buffer_.data(), buffer_.size());
      if (got >= 0) return std::string_view(buffer_.data(), static_cast<std::size_t>(got));
      if (errno == EINTR) continue;
      return fail(Fault::permanent, fmt::format("reading the backup: {}", std::strerror(errno)));
    }
  }

 private:
  const int fd_;
  std::string buffer_ = std::string(std::size_t{1} << 18, '\0');
};

/// A folder that is removed unless it was kept; by root with the rights of the folder's owner.
class Draft {
 public:
  explicit Draft(fs::path path) : path_(std::move(path)) {}
  ~Draft() {
    if (!path_.empty()) remove(path_);
    if (fd_ >= 0) ::close(fd_);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  /// Makes it, and gives it to another user if `owner` is set. False: `errno` says why.
  bool make(const struct stat* owner) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (::mkdir(path_.c_str(), 0700) != 0) return false;
    fd_ = ::open(path_.c_str(), flags);
    if (fd_ < 0 || ::flock(fd_, LOCK_EX | LOCK_NB) != 0) return false;
    const int mark = ::openat(fd_, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (mark < 0) return false;
    const bool marked = owner == nullptr || ::fchown(mark, owner->st_uid, owner->st_gid) == 0;
    ::close(mark);
    return marked && (owner == nullptr || ::fchown(fd_, owner->st_uid, owner->st_gid) == 0);
  }
  /// All is in it: another restore does not remove it any more.
  bool finish() const { return ::unlinkat(fd_, unfinished, 0) == 0; }

  /// Removes what killed restores left: folders with this start of their names and a ULID.
  static void remove_left(const fs::path& parent, const std::string& start) {
    std::error_code bad;
    for (fs::directory_iterator entry(parent, bad), end; !bad && entry != end;
         entry.increment(bad)) {
      const std::string name = entry->path().filename().string();
      if (!name.starts_with(start) || !is_ulid(name.substr(start.size()))) continue;
      const int fd = ::open(entry->path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      const bool left = fd >= 0 && ::faccessat(fd, unfinished, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
                        ::flock(fd, LOCK_EX | LOCK_NB) == 0;
      if (left) remove(entry->path());
      if (fd >= 0) ::close(fd);
    }
  }
  const fs::path& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  static constexpr const char* unfinished = "unfinished";
  static void remove(const fs::path& folder) {
    std::error_code ignored;
    {
      const auto owner = ActingOwner::of(folder.string());
      if (owner) fs::remove_all(folder, ignored);
    }
    ::rmdir(folder.c_str());  // its name is in the folder above, which may be root's
  }
  fs::path path_;
  int fd_ = -1;  ///< locked while it is a draft
};

/// The first directory on the way down to `directory`, itself included, that is not root's; whoever
/// owns it can exchange all that is below. nullopt: all are root's.
std::optional<fs::path> not_of_root(const fs::path& directory, struct stat& about) {
  fs::path at;
  for (const fs::path& part : directory) {
    at /= part;
    if (::stat(at.c_str(), &about) == 0 && about.st_uid != 0) return at;
  }
  return std::nullopt;
}

/// A user that is not root, and is not `reached`, who says by a directory or a symbolic link on the
/// way where a name leads. nullopt: there is none.
std::optional<uid_t> leads_elsewhere(const fs::path& named, uid_t reached) {
  constexpr int most_links = 40;  // as the kernel, path_resolution(7)
  std::vector<fs::path> ahead;
  const auto push = [&](const fs::path& path) {
    const std::vector<fs::path> parts(path.begin(), path.end());
    ahead.insert(ahead.end(), parts.rbegin(), parts.rend());
  };
  push(named);
  fs::path at;
  for (int links = 0; !ahead.empty();) {
    const fs::path part = std::move(ahead.back());
    ahead.pop_back();
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    const fs::path next = at / part;
    struct stat about{};
    if (::lstat(next.c_str(), &about) != 0) return std::nullopt;  // it does not exist yet
    if (about.st_uid != 0 && about.st_uid != reached) return about.st_uid;
    std::error_code unreadable;
    if (!S_ISLNK(about.st_mode)) {
      at = next;
    } else if (++links > most_links) {
      return std::nullopt;  // nothing can be opened by it
    } else {
      const fs::path target = fs::read_symlink(next, unreadable);
      if (target.is_absolute()) at.clear();
      push(target);
    }
  }
  return std::nullopt;
}

bool is_empty_directory(const fs::path& directory) {
  std::error_code bad;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, bad)) {
    if (entry.path().filename() != "lock") return false;
  }
  return true;
}

/// Everything below is on stable storage.
Result<void> flush(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ::syncfs(fd) == 0;
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (done) return {};
  return fail(Fault::permanent,
              fmt::format("flushing {}: {}", folder.string(), std::strerror(why)));
}

/// Whether the directory is where a file system is mounted: it cannot be exchanged then.
bool is_mount_point(const fs::path& directory) {
  struct statx about{};
  return ::statx(AT_FDCWD, directory.c_str(), 0, STATX_TYPE, &about) == 0 &&
         (about.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/// Moves the draft into its place in one step; the name of the directory that was there, "" if it
/// was empty.
Result<std::string> move_in(const fs::path& draft, const fs::path& target, bool exists) {
  const auto cannot = [&] {
    return fail(Fault::permanent, fmt::format("moving {} to {}: {}", draft.string(),
                                              target.string(), std::strerror(errno)));
  };
  if (!exists) {
    if (::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0) {
      return cannot();
    }
    return std::string();
  }
  if (::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) != 0) {
    return cannot();
  }
  if (is_empty_directory(draft)) return std::string();  // the draft's destructor removes it
  const std::string aside = target.string() + ".before-" + new_ulid();
  if (::rename(draft.c_str(), aside.c_str()) != 0) return draft.string();  // it stays there
  return aside;
}

std::optional<backup::QueueFate> fate_of(const Arguments& arguments) {
  const std::string word = arguments.value("--queue").value_or("hold");
  if (word == "hold") return backup::QueueFate::hold;
  if (word == "release") return backup::QueueFate::release;
  if (word == "drop") return backup::QueueFate::drop;
  return std::nullopt;
}

std::string age_of(ClockTime time) {
  const auto age = std::chrono::system_clock::now() - time;
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(age).count();
  if (minutes < 120) return fmt::format("{} minutes", std::max<long>(minutes, 0));
  if (minutes < 60 * 48) return fmt::format("{} hours", minutes / 60);
  return fmt::format("{} days", minutes / 60 / 24);
}

void tell(const backup::Restored& restored, backup::QueueFate fate, const fs::path& target,
          const std::string& aside, const Arguments& arguments, Streams& streams) {
  const backup::Manifest& manifest = restored.manifest;
  const bool verified = arguments.has("--verify-only");
  if (arguments.has("--json")) {
    json::object out{{"postern", manifest.postern},       {"hostname", manifest.hostname},
                     {"time", to_rfc3339(manifest.time)}, {"files", manifest.files.size()},
                     {"messages", manifest.messages},     {"policies", manifest.policies},
                     {"accounts", manifest.accounts}};
    if (!verified) {
      out["data_dir"] = target.string();
      out["waiting"] = restored.waiting;
      out["queue"] = arguments.value("--queue").value_or("hold");
      out["moved_aside"] = aside;
    }
    streams.out << json_text(out) << '\n';
    return;
  }
  if (arguments.has("--quiet")) return;
  streams.out << fmt::format(
      "the backup of {} by Postern {}, made at {} ({} ago), is whole: {} files, {} messages in the "
      "queue, {} policies, {} accounts\n",
      manifest.hostname, manifest.postern, to_rfc3339(manifest.time, 0), age_of(manifest.time),
      manifest.files.size(), manifest.messages, manifest.policies, manifest.accounts);
  if (verified) return;
  streams.out << fmt::format("restored into {}; sessions and one-time links are ended\n",
                             target.string());
  if (!aside.empty()) streams.out << fmt::format("what was there is in {}\n", aside);
  if (fate == backup::QueueFate::hold && restored.waiting > 0) {
    streams.out << fmt::format(
        "{} messages are held, as they may have been delivered since the backup: `postern queue "
        "list --state held`, then `postern queue release` or `drop`\n",
        restored.waiting);
  } else if (fate == backup::QueueFate::drop) {
    streams.out << fmt::format("{} messages of the queue are dropped\n", manifest.messages);
  } else if (restored.waiting > 0) {
    streams.out << fmt::format("{} messages are sent with the next start\n", restored.waiting);
  }
  streams.out << fmt::format("what was accepted after {} is not in it\n",
                             to_rfc3339(manifest.time, 0));
}

int verify_only(BackupInput& input, const Arguments& arguments, Streams& streams) {
  std::error_code bad;
  const Draft draft(fs::temp_directory_path(bad) / ("postern-verify-" + new_ulid()));
  if (::mkdir(draft.path().c_str(), 0700) != 0) {
    return refuse(ExitCode::cannot_create,
                  fmt::format("making {}: {}", draft.path().string(), std::strerror(errno)),
                  "TMPDIR names a directory with room for the backup", arguments, streams);
  }
  const auto restored = backup::extract([&] { return input.read(); }, draft.path().string());
  if (!restored) return refuse(restored.error(), arguments, streams);
  tell(*restored, backup::QueueFate::hold, {}, "", arguments, streams);
  return to_int(ExitCode::ok);
}

int restore_into(BackupInput& input, const fs::path& named, backup::QueueFate fate,
                 const Arguments& arguments, Streams& streams) {
  std::error_code bad;
  const fs::path target = fs::weakly_canonical(fs::absolute(named), bad);
  struct stat owner{};
  const bool exists = ::stat(target.c_str(), &owner) == 0;
  if (!exists) {
    if (::stat(target.parent_path().c_str(), &owner) != 0) {
      return refuse(ExitCode::cannot_create,
                    fmt::format("there is no directory {}", target.parent_path().string()),
                    "make it, or mount the disk that has it", arguments, streams);
    }
    owner.st_uid = ::geteuid();
  }
  // Where another user can exchange what is made, root works as that user.
  struct stat above{};
  const auto theirs = ::geteuid() == 0 ? not_of_root(target.parent_path(), above) : std::nullopt;
  if (theirs && exists && owner.st_uid != above.st_uid) {
    return refuse(ExitCode::cannot_create,
                  fmt::format("{} belongs to uid {}, and {} above it to uid {}", target.string(),
                              owner.st_uid, theirs->string(), above.st_uid),
                  "give both to one user, or the directory above to root", arguments, streams);
  }
  // A link of another user may lead to what is root's: that is not replaced in root's name.
  const uid_t reached = exists ? owner.st_uid : theirs ? above.st_uid : 0;
  const auto leads =
      ::geteuid() == 0 ? leads_elsewhere(fs::absolute(named), reached) : std::nullopt;
  if (leads) {
    return refuse(ExitCode::cannot_create,
                  fmt::format("{} leads to {} by a directory or link of uid {}, and {} of uid {}",
                              named.string(), target.string(), *leads,
                              exists ? "that is" : "what is above it is", reached),
                  "name the directory itself", arguments, streams);
  }
  const auto outer = theirs ? ActingOwner::of(exists ? target.string() : theirs->string())
                            : Result<ActingOwner>(ActingOwner());
  if (!outer) return refuse(outer.error(), arguments, streams);
  if (theirs && !outer->acts()) {
    return refuse(ExitCode::cannot_create, target.string() + " was exchanged meanwhile", "",
                  arguments, streams);
  }
  std::optional<DataLock> lock;
  if (exists) {
    auto taken = DataLock::take(target.string());
    if (!taken) {
      const bool runs = taken.error().fault == Fault::conflict;
      return refuse(runs ? ExitCode::try_again : ExitCode::cannot_create, taken.error().message,
                    runs ? "stop the gateway first" : "", arguments, streams);
    }
    lock = std::move(*taken);
    if (is_mount_point(target)) {
      return refuse(ExitCode::cannot_create,
                    fmt::format("{} is a mount point, which cannot be exchanged", target.string()),
                    fmt::format("name a directory below it, also in the configuration: `data_dir = "
                                "\"{}/data\"`",
                                target.string()),
                    arguments, streams);
    }
    if (!is_empty_directory(target) && !arguments.has("--replace")) {
      return refuse(ExitCode::cannot_create, fmt::format("{} is not empty", target.string()),
                    "--replace moves it aside", arguments, streams);
    }
  }
  const std::string start = fmt::format(".{}.restore-", target.filename().string());
  Draft::remove_left(target.parent_path(), start);
  Draft draft(target.parent_path() / (start + new_ulid()));
  const bool gives = ::geteuid() == 0 && owner.st_uid != 0;
  if (!draft.make(gives ? &owner : nullptr)) {
    return refuse(ExitCode::cannot_create,
                  fmt::format("making {}: {}", draft.path().string(), std::strerror(errno)), "",
                  arguments, streams);
  }
  auto inner = ActingOwner::of(draft.path().string());
  if (!inner) return refuse(inner.error(), arguments, streams);
  if (gives && !inner->acts()) {
    return refuse(ExitCode::cannot_create, draft.path().string() + " was exchanged meanwhile", "",
                  arguments, streams);
  }
  auto restored = backup::extract([&] { return input.read(); }, draft.path().string());
  if (!restored) return refuse(restored.error(), arguments, streams);
  Result<void> ready = backup::settle(draft.path().string(), fate, *restored);
  std::optional<DataLock> next;  // nobody starts on it before all is done
  if (ready) {
    auto taken = DataLock::take(draft.path().string());
    if (taken) next = std::move(*taken);
    if (!taken) ready = tl::unexpected(taken.error());
  }
  // What is restored is backed up: the archive is there.
  if (ready && restored->manifest.schemas.contains("spool/spool.db")) {
    ready = backup::note_backup(draft.path(), restored->manifest.time);
  }
  if (ready && !draft.finish()) {
    ready = fail(Fault::permanent,
                 fmt::format("finishing {}: {}", draft.path().string(), std::strerror(errno)));
  }
  if (ready) ready = flush(draft.path());
  if (!ready) return refuse(ready.error(), arguments, streams);
  *inner = ActingOwner();  // the names are in the folder above
  const auto aside = move_in(draft.path(), target, exists);
  if (!aside) {
    return refuse(ExitCode::cannot_create, aside.error().message, "", arguments, streams);
  }
  if (!exists || !aside->empty()) draft.keep();
  if (Result<void> named_now = flush_directory(target.parent_path().string()); !named_now) {
    return refuse(named_now.error(), arguments, streams);
  }
  tell(*restored, fate, target, *aside, arguments, streams);
  return to_int(ExitCode::ok);
}

}  // namespace

int run_restore(const Arguments& arguments, Streams& streams) {
  const auto wrong = [&](std::string message) {
    return report_usage({std::move(message), "`postern restore --help`"}, arguments.has("--json"),
                        streams);
  };
  if (arguments.words.empty()) return wrong("the file of the backup is missing");
  const auto fate = fate_of(arguments);
  if (!fate) return wrong("--queue is hold, release or drop");
  ::umask(077);  // folders, and what SQLite makes
  BackupInput input(arguments.words.front());
  if (!input.is_open()) {
    return refuse(ExitCode::no_input,
                  fmt::format("{}: {}", arguments.words.front(), std::strerror(errno)), "",
                  arguments, streams);
  }
  if (arguments.has("--verify-only")) return verify_only(input, arguments, streams);
  const std::optional<Gateway> gateway = gateway_of(arguments, streams);
  if (!gateway) return to_int(ExitCode::config);
  if (gateway->in_cluster) {
    // A backup of before the move: its gateway would refuse to start beside the cluster's accounts.
    return refuse(
        ExitCode::config,
        fmt::format("{} is that of a gateway of a cluster, whose accounts and mail are in "
                    "its database",
                    gateway->data_dir.string()),
        "restore the database: docs/cluster.md, \"Backup and restore\"; for a gateway "
        "alone, name another directory and a configuration without [cluster]",
        arguments, streams);
  }
  return restore_into(input, gateway->data_dir, *fate, arguments, streams);
}

}  // namespace postern::app
