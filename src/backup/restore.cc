#include "backup/restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <unordered_map>

#include "backup/backup.h"
#include "backup/integrity.h"
#include "backup/known_schema.h"
#include "base/descriptor.h"
#include "base/disk_full.h"
#include "base/sha256.h"
#include "base/text.h"
#include "store/database.h"

namespace postern::backup {
namespace {

namespace fs = std::filesystem;
using store::Database;

tl::unexpected<Error> no_backup(std::string what) {
  return fail(Fault::malformed, "this is not a whole backup: " + std::move(what));
}

tl::unexpected<Error> trouble(const fs::path& path) {
  return fail(is_disk_full(errno) ? Fault::disk_full : Fault::permanent,
              fmt::format("writing {}: {}", path.string(), std::strerror(errno)));
}

/// A new file for the time of its writing.
class NewFile {
 public:
  explicit NewFile(const fs::path& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  bool is_open() const { return file_.is_open(); }
  bool write(std::string_view octets) const {
    while (!octets.empty()) {
      const ssize_t done = ::write(file_.get(), octets.data(), octets.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return false;
      octets.remove_prefix(static_cast<std::size_t>(done));
    }
    return true;
  }

 private:
  const Descriptor file_;
};

/// Reads the current file of the archive into `take`; its checksum.
template <class Take>
Result<std::string> read_file(ArchiveReader& archive, const FileEntry& entry, Take take) {
  Sha256 sum;
  std::uint64_t got = 0;
  while (true) {
    const Result<std::string_view> octets = archive.read();
    if (!octets) return tl::unexpected(octets.error());
    if (octets->empty()) break;
    got += octets->size();
    if (got > entry.size) return no_backup(entry.name + " is longer than it says");
    sum.add(*octets);
    if (Result<void> taken = take(*octets); !taken) return tl::unexpected(taken.error());
  }
  if (got != entry.size) return no_backup(entry.name + " is shorter than it says");
  return hex_encode(sum.finish());
}

Result<std::string> extract_file(ArchiveReader& archive, const FileEntry& entry,
                                 const fs::path& into) {
  // What else writes on this disk goes on.
  constexpr std::uint64_t largest_reserve = std::uint64_t{256} << 20;
  struct statvfs disk{};
  const bool known = ::statvfs(into.c_str(), &disk) == 0 && disk.f_frsize > 0;
  const std::uint64_t reserve =
      known ? std::min<std::uint64_t>(disk.f_blocks / 50, largest_reserve / disk.f_frsize) : 0;
  if (known && entry.size / disk.f_frsize + reserve >= disk.f_bavail) {
    return fail(Fault::disk_full, fmt::format("{} of the backup has {} octets, more than the disk "
                                              "of {} has left",
                                              entry.name, entry.size, into.string()));
  }
  const fs::path path = into / entry.name;
  std::error_code bad;
  fs::create_directories(path.parent_path(), bad);
  // A name that is there twice, or a folder that is a file.
  if (bad || fs::exists(path, bad)) return no_backup(entry.name + " is there twice");
  const NewFile file(path);
  if (!file.is_open()) return trouble(path);
  return read_file(archive, entry, [&](std::string_view octets) -> Result<void> {
    if (!file.write(octets)) return trouble(path);
    return {};
  });
}

/// Compares what was read with the manifest.
Result<void> compare(const Manifest& manifest,
                     const std::unordered_map<std::string, FileEntry>& found) {
  if (manifest.files.size() != found.size()) {
    return no_backup(fmt::format("its manifest names {} files, and there are {}",
                                 manifest.files.size(), found.size()));
  }
  for (const FileEntry& file : manifest.files) {
    const auto same = found.find(file.name);
    if (same == found.end()) return no_backup(file.name + " is missing");
    if (same->second.size != file.size || same->second.sha256 != file.sha256) {
      return no_backup(file.name + " is not what its manifest says");
    }
  }
  return {};
}

Result<void> verify_database(const fs::path& path, const store::Schema& schema) {
  // What the file declares is looked at before anything of it could run, as a trigger would that
  // keeps rows or never ends; an older schema is brought up to date after that.
  if (Result<void> known = declares_the_known(path.string(), schema); !known) {
    return no_backup(known.error().message);
  }
  auto database = Database::open(path.string(), schema, {.quick_check_limit = 0});
  if (!database) {
    const bool newer = database.error().fault == Fault::malformed;
    return fail(newer ? Fault::denied : Fault::malformed, database.error().message);
  }
  const auto faults = faults_of(**database, 1);
  if (!faults) return no_backup(faults.error().message);
  if (!faults->empty()) {
    return no_backup(fmt::format("{}: {}", path.filename().string(), faults->front()));
  }
  return {};
}

/// Goes by the files that are there: who wrote the manifest may have left them out of it.
Result<void> verify_databases(const Manifest& manifest, const fs::path& folder) {
  for (const auto& [name, version] : manifest.schemas) {
    if (is_store(name)) continue;
    return fail(
        Fault::denied,
        fmt::format("the backup has databases that this Postern does not know; install Postern "
                    "{}",
                    printable(manifest.postern, 40)));
  }
  for (const StoreFile& store : store_files()) {
    const bool named = manifest.schemas.contains(store.name);
    const fs::path path = folder / store.name;
    std::error_code unreadable;
    const bool there = fs::exists(path, unreadable);
    if (!there && (named || store.name == "postern.db")) {
      return no_backup(store.name + " is missing");
    }
    if (there && !named) return no_backup("its manifest does not name the database " + store.name);
    if (!there) continue;
    if (Result<void> sound = verify_database(path, *store.schema); !sound) return sound;
  }
  return {};
}

}  // namespace

Result<Restored> extract(ArchiveReader::Source source, const std::string& into) {
  auto archive = ArchiveReader::open(std::move(source));
  if (!archive) return tl::unexpected(archive.error());
  std::unordered_map<std::string, FileEntry> found;
  std::optional<Manifest> manifest;
  while (true) {
    auto entry = (*archive)->next();
    if (!entry) return tl::unexpected(entry.error());
    if (!*entry) break;
    if (manifest) return no_backup("there is something behind its manifest");
    FileEntry file = std::move(**entry);
    // A database that is not known may be a newer Postern's: the manifest says so.
    if (file.name != manifest_name && !file.name.ends_with(".db") && !may_be_in_backup(file.name)) {
      return no_backup(file.name + " is of one process, and in no backup");
    }
    if (file.name == manifest_name) {
      if (file.size > max_manifest) return no_backup("its manifest is too large");
      std::string text;
      const auto sum = read_file(**archive, file, [&](std::string_view octets) -> Result<void> {
        text += octets;
        return {};
      });
      if (!sum) return tl::unexpected(sum.error());
      auto parsed = parse_manifest(text);
      if (!parsed) return tl::unexpected(parsed.error());
      manifest = std::move(*parsed);
      continue;
    }
    auto sum = extract_file(**archive, file, into);
    if (!sum) return tl::unexpected(sum.error());
    file.sha256 = std::move(*sum);
    std::string name = file.name;
    found.emplace(std::move(name), std::move(file));
  }
  if (!manifest) return no_backup("its end is missing");
  if (Result<void> same = compare(*manifest, found); !same) return tl::unexpected(same.error());
  if (Result<void> sound = verify_databases(*manifest, into); !sound) {
    return tl::unexpected(sound.error());
  }
  for (const auto& [name, file] : found) {
    if (!may_be_in_backup(name)) return no_backup(name + " is no database of Postern");
  }
  return Restored{.manifest = std::move(*manifest)};
}

Result<void> settle(const std::string& folder, QueueFate fate, Restored& restored) {
  const auto each_store = [&](std::string_view name, auto change) -> Result<void> {
    for (const StoreFile& store : store_files()) {
      std::error_code unreadable;
      if (store.name != name || !fs::exists(fs::path(folder) / store.name, unreadable)) continue;
      auto database = Database::open(folder + "/" + store.name, *store.schema);
      if (!database) return tl::unexpected(database.error());
      auto transaction = store::Transaction::begin(**database);
      if (!transaction) return tl::unexpected(transaction.error());
      change(**database);
      return transaction->commit();  // the first error of all of them
    }
    return {};
  };
  const Result<void> ended = each_store("postern.db", [](Database& database) {
    database.execute("DELETE FROM session");
    database.execute("DELETE FROM link");
  });
  if (!ended) return ended;
  // State 0 waits for an attempt, and 3 is held (spool/spool_schema.cc).
  return each_store("spool/spool.db", [&](Database& database) {
    const auto waiting =
        database.number("SELECT count(DISTINCT message) FROM recipient WHERE state = 0");
    if (waiting) restored.waiting = static_cast<std::uint64_t>(*waiting);
    if (fate == QueueFate::hold) {
      database.execute("UPDATE recipient SET state = 3, claimed = 0, held_at = ? WHERE state = 0",
                       store::now());
    } else if (fate == QueueFate::drop) {
      database.execute("DELETE FROM message");  // the next start removes their bodies
    }
  });
}

}  // namespace postern::backup
