#include "backup/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <unordered_set>

#include "backup/kept.h"
#include "base/descriptor.h"
#include "base/file_io.h"
#include "base/ulid.h"
#include "base/version.h"
#include "spool/spool_schema.h"
#include "store/delivery_schema.h"
#include "store/sqlite_schema.h"
#include "store/traces.h"
#include "store/verified_store.h"

namespace postern::backup {
namespace {

namespace fs = std::filesystem;
using store::Database;
using Clock = std::chrono::steady_clock;

/// A folder whose files a database names, and the query for them: their names below the folder.
struct NamedFolder {
  std::string_view folder;
  std::string_view database;
  std::string_view names;
};

// A file exists before its row does, and is removed after its row was. The payload of an inbox and
// a body are in a folder named by the last two characters (spool/body_files.h).
constexpr NamedFolder named_folders[] = {
    {"attachments", "delivery.db", "SELECT DISTINCT path FROM attachment WHERE file_gone = 0"},
    {"inbox", "delivery.db",
     "SELECT DISTINCT substr(file, -2) || '/' || file FROM inbox WHERE file <> ''"},
    {"spool/bodies", "spool/spool.db",
     "SELECT substr(id, -2) || '/' || id FROM message WHERE in_file = 1"},
};

bool is_in_named_folder(const fs::path& name) {
  return std::ranges::any_of(named_folders, [&](const NamedFolder& one) {
    return name.string().starts_with(std::string(one.folder) + "/");
  });
}

/// Of one process, or made anew by each start; or a database, which SQLite copies.
bool is_never_taken(const fs::path& name) {
  const std::string first = name.begin()->string();
  const std::string last = name.filename().string();
  if (first == "tmp" || last == "lock" || first.starts_with("control.json")) return true;
  if (name == note_name) return true;
  if (last.ends_with(".new") && name.has_parent_path() == false) return true;
  return last.ends_with(".db") || is_beside_database(last);
}

constexpr std::string_view work_start = "backup-";

/// A folder for the time of one backup, in the data directory. Locked: one without a lock was left
/// by a backup that was killed, and the next backup removes it.
class WorkFolder {
 public:
  static Result<WorkFolder> make(const fs::path& data_dir) {
    const fs::path parent = data_dir / "tmp";
    std::error_code bad;
    fs::create_directories(parent, bad);
    if (fs::is_symlink(parent, bad)) {
      return fail(Fault::permanent, parent.string() + " is a symbolic link");
    }
    // Held until the new folder is locked: before, another backup would remove it as left behind.
    const Descriptor turn(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!turn.is_open() || ::flock(turn.get(), LOCK_EX) != 0) {
      return fail(Fault::permanent, fmt::format("{}: {}", parent.string(), std::strerror(errno)));
    }
    for (fs::directory_iterator entry(parent, bad), end; !bad && entry != end;
         entry.increment(bad)) {
      const std::string name = entry->path().filename().string();
      if (!name.starts_with(work_start) || !is_ulid(name.substr(work_start.size()))) continue;
      const int fd = ::open(entry->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
      std::error_code ignored;
      if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry->path(), ignored);
      if (fd >= 0) ::close(fd);
    }
    WorkFolder made(parent / (std::string(work_start) + new_ulid()));
    if (::mkdir(made.path_.c_str(), 0700) == 0) {
      made.fd_ = ::open(made.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (made.fd_ < 0 || ::flock(made.fd_, LOCK_EX | LOCK_NB) != 0) {
      return fail(Fault::permanent,
                  fmt::format("making {}: {}", made.path_.string(), std::strerror(errno)));
    }
    return made;
  }
  ~WorkFolder() {
    if (path_.empty()) return;
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    if (fd_ >= 0) ::close(fd_);
  }
  WorkFolder(WorkFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), fd_(std::exchange(other.fd_, -1)) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  const fs::path& path() const { return path_; }

 private:
  explicit WorkFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
  int fd_ = -1;
};

/// A file below a directory, open for reading; -1: `errno` says why. Without `links` no symbolic
/// link is followed on the way, and nothing is found outside of the directory.
int open_below(const fs::path& directory, const fs::path& path, bool links) {
  if (links) return open_file(path.string());
  // Part by part: openat2() fails under RestrictSUIDSGID= of systemd.
  int at = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  const fs::path name = path.lexically_relative(directory);
  for (auto part = name.begin(); at >= 0 && part != name.end(); ++part) {
    const bool last = std::next(part) == name.end();
    const int next = *part == ".." ? -1
                                   : ::openat(at, part->c_str(),
                                              last ? O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
                                                   : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int why = *part == ".." ? ELOOP : errno;
    ::close(at);
    errno = why;
    at = next;
  }
  return at;
}

/// Copies an open file, as far as it goes.
bool copy_to(int from, const fs::path& to) {
  const int fd = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  std::string buffer(std::size_t{1} << 18, '\0');
  ssize_t got = 0;
  bool done = true;
  while (done && (got = ::read(from, buffer.data(), buffer.size())) > 0) {
    done = write_all(fd, std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
  }
  ::close(fd);
  return done && got == 0;
}

/// A file that a backup takes.
struct Taken {
  std::string name;
  std::string path;
};

class Backup {
 public:
  Backup(const BackupOptions& options, fs::path work)
      : options_(options), data_(options.data_dir), work_(std::move(work)) {}

  Result<BackupMade> run(ArchiveWriter::Sink sink) {
    made_.manifest.postern = current_version().number;
    made_.manifest.hostname = options_.hostname;
    if (Result<void> read = read_databases(); !read) return tl::unexpected(read.error());
    if (Result<void> copied = copy_databases(); !copied) return tl::unexpected(copied.error());
    find_others();
    if (options_.taken) options_.taken();
    if (Result<void> written = write(std::move(sink)); !written) {
      return tl::unexpected(written.error());
    }
    return std::move(made_);
  }

 private:
  bool is_wanted(const StoreFile& store) const {
    std::error_code unreadable;
    if (options_.config_only && store.name != "postern.db") return false;
    if (!options_.traces && store.name == "traces.db") return false;
    return fs::exists(data_ / store.name, unreadable);
  }

  Result<std::unique_ptr<Database>> open(const StoreFile& store) const {
    // A gateway that commits all the time leaves few gaps for the one lock that a backup wants.
    return Database::open((data_ / store.name).string(), *store.schema,
                          {.use = store::Use::copy,
                           .busy_timeout = std::chrono::seconds(60),
                           .quick_check_limit = 0});
  }

  /// Files that exist now are linked before anybody is held off, so that only newer ones are left.
  void link_all(const NamedFolder& named) {
    std::error_code bad;
    const fs::path folder = data_ / named.folder;
    for (fs::recursive_directory_iterator entry(folder, bad), end; !bad && entry != end;
         entry.increment(bad)) {
      const std::string name = entry->path().lexically_relative(folder).string();
      std::error_code gone;
      if (entry->is_regular_file(gone)) link(named, name);
    }
  }

  bool link(const NamedFolder& named, const std::string& name) {
    const std::string key = fmt::format("{}/{}", named.folder, name);
    if (linked_.contains(key)) return true;
    if (!is_safe_name(name)) return false;  // a row that somebody else wrote
    const fs::path to = work_ / "files" / key;
    std::error_code failed;
    fs::create_directories(to.parent_path(), failed);
    fs::create_hard_link(data_ / key, to, failed);
    if (failed == std::errc::cross_device_link) {
      const int fd = open_below(data_, data_ / key, options_.links);
      const bool copied = fd >= 0 && copy_to(fd, to);
      if (fd >= 0) ::close(fd);
      if (!copied) return false;
    } else if (failed) {
      return false;
    }
    linked_.insert(key);
    return true;
  }

  /// Reads what a database names while nobody can write to it: no row can go, so no file can.
  Result<void> hold_and_link(const StoreFile& store, Database& reading) {
    auto writing = open(store);
    if (!writing) return tl::unexpected(writing.error());
    auto holding = store::Transaction::begin(**writing);
    if (!holding) return tl::unexpected(holding.error());
    const Clock::time_point since = Clock::now();
    if (Result<void> begun = reading.begin_snapshot(); !begun) return begun;
    for (const NamedFolder& named : named_folders) {
      if (named.database != store.name) continue;
      const auto seen = reading.each(named.names, [&](const store::Row& row) {
        const std::string name = row.text(0);
        const std::string key = fmt::format("{}/{}", named.folder, name);
        if (link(named, name)) {
          taken_.push_back({key, (work_ / "files" / key).string()});
        } else {
          made_.missing += 1;
        }
      });
      if (!seen) return seen;
    }
    made_.held = std::max(
        made_.held, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since));
    return {};
  }

  Result<void> read_databases() {
    std::error_code unreadable;
    if (fs::exists(data_ / "spool" / "in-cluster", unreadable)) {
      return fail(Fault::not_found,
                  "accounts, policies and the queue are in the database of the cluster, which has "
                  "a backup of its own");
    }
    if (!fs::exists(data_ / "postern.db", unreadable)) {
      return fail(Fault::not_found, fmt::format("there is no postern.db in {}", data_.string()));
    }
    for (const NamedFolder& named : named_folders) {
      if (!options_.config_only) link_all(named);
    }
    for (const StoreFile& store : store_files()) {
      if (!is_wanted(store)) continue;
      auto database = open(store);
      if (!database) return tl::unexpected(database.error());
      const bool names_files = std::ranges::any_of(
          named_folders, [&](const NamedFolder& one) { return one.database == store.name; });
      const Result<void> read =
          names_files ? hold_and_link(store, **database) : (*database)->begin_snapshot();
      if (!read) return read;
      open_.push_back({&store, std::move(*database)});
    }
    made_.manifest.time = store::now();
    return {};
  }

  Result<void> count(Database& database, std::string_view sql, std::uint64_t& into) {
    const auto found = database.number(sql);
    if (!found) return tl::unexpected(found.error());
    into = static_cast<std::uint64_t>(*found);
    return {};
  }

  /// The spool first: its write-ahead log grows fastest.
  Result<void> copy_databases() {
    Manifest& manifest = made_.manifest;
    for (auto one = open_.rbegin(); one != open_.rend(); ++one) {
      Database& database = *one->database;
      const std::string& name = one->store->name;
      Result<void> counted;
      if (name == "postern.db") {
        counted = count(database, "SELECT count(*) FROM policy", manifest.policies);
        if (counted) {
          counted = count(database, "SELECT count(*) FROM account", manifest.accounts);
        }
      } else if (name == "spool/spool.db") {
        counted = count(database, "SELECT count(*) FROM message", manifest.messages);
      }
      if (!counted) return counted;
      const auto version = database.number("PRAGMA user_version");
      if (!version) return tl::unexpected(version.error());
      manifest.schemas[name] = *version;
      const fs::path to = work_ / fs::path(name).filename();
      if (Result<void> copied = database.copy_to(to.string()); !copied) return copied;
      taken_.insert(taken_.begin(), {name, to.string()});
      one->database.reset();
    }
    return {};
  }

  void find_others() {
    std::error_code bad;
    for (fs::recursive_directory_iterator entry(data_, bad), end; !bad && entry != end;
         entry.increment(bad)) {
      const fs::path name = entry->path().lexically_relative(data_);
      const bool below = name.has_parent_path();
      std::error_code gone;
      if (entry->is_directory(gone)) {
        if (name == "tmp" || options_.config_only) entry.disable_recursion_pending();
      } else if (entry->is_regular_file(gone) && !entry->is_symlink(gone) &&
                 !is_never_taken(name) && !is_in_named_folder(name) &&
                 !(options_.config_only && below) && is_safe_name(name.string())) {
        taken_.push_back({name.string(), entry->path().string()});
      }
    }
  }

  Result<void> write(ArchiveWriter::Sink sink) {
    auto archive = ArchiveWriter::open(std::move(sink));
    if (!archive) return tl::unexpected(archive.error());
    std::uint64_t all = 0;
    std::error_code gone;
    for (const Taken& file : taken_) {
      const std::uintmax_t size = fs::file_size(file.path, gone);
      if (!gone) all += size;
    }
    for (const Taken& file : taken_) {
      auto added = (*archive)->add_file(file.name, file.path, [this](const std::string& path) {
        return open_below(data_, path, options_.links);
      });
      if (!added) return tl::unexpected(added.error());
      if (!*added) continue;
      made_.octets += (*added)->size;
      made_.manifest.files.push_back(std::move(**added));
      if (options_.progress) options_.progress(made_.octets, all);
    }
    const Result<void> told =
        (*archive)->add_text(std::string(manifest_name), manifest_text(made_.manifest));
    return told ? (*archive)->close() : told;
  }

  struct Open {
    const StoreFile* store;
    std::unique_ptr<Database> database;
  };

  const BackupOptions& options_;
  const fs::path data_;
  const fs::path work_;
  std::vector<Open> open_;
  std::vector<Taken> taken_;
  std::unordered_set<std::string> linked_;
  BackupMade made_;
};

}  // namespace

const std::array<StoreFile, 5>& store_files() {
  static const std::array<StoreFile, 5> files{{
      {"postern.db", &store::control_schema()},
      {"traces.db", &store::traces_schema()},
      {"verify.db", &store::verified_schema()},
      {"delivery.db", &store::delivery_schema()},
      {"spool/spool.db", &spool::spool_schema()},
  }};
  return files;
}

bool is_store(const std::string& name) {
  return std::ranges::any_of(store_files(), [&](const StoreFile& one) { return one.name == name; });
}

bool may_be_in_backup(const std::string& name) {
  return is_store(name) || is_in_named_folder(name) || !is_never_taken(name);
}

Result<BackupMade> make_backup(const BackupOptions& options, ArchiveWriter::Sink sink) {
  auto work = WorkFolder::make(options.data_dir);
  if (!work) return tl::unexpected(work.error());
  return Backup(options, work->path()).run(std::move(sink));
}

}  // namespace postern::backup
