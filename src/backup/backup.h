// A backup of a data directory, made beside a running gateway or without one
// (docs/decisions/0071-backup.md).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "backup/archive.h"
#include "backup/manifest.h"
#include "base/error.h"
#include "store/database.h"

namespace postern::backup {

/// A database of a data directory.
struct StoreFile {
  std::string name;             ///< below the data directory
  const store::Schema* schema;  ///< of this Postern
};

/// All databases, in the order in which they are read: the control plane first, the spool last.
const std::array<StoreFile, 5>& store_files();

/// Whether one of them has this name.
bool is_store(const std::string& name);

/// Whether a backup may have a file of this name: not the lock, control.json, drafts and the like,
/// which are of one process, and no database but those of store_files().
bool may_be_in_backup(const std::string& name);

/// What a backup takes.
struct BackupOptions {
  std::string data_dir;      ///< of the gateway; the caller may write in it
  std::string hostname;      ///< for the manifest
  bool traces = true;        ///< false: without traces.db
  bool config_only = false;  ///< the control plane, keys and certificate alone
  /// False: symbolic links below `data_dir` are not followed, as another user put them there.
  bool links = true;
  /// Called once what is copied cannot change any more: a lock may be given up. Null: nobody.
  std::function<void()> taken = {};
  /// Called with the octets done and the octets in all. Null: nobody.
  std::function<void(std::uint64_t done, std::uint64_t all)> progress = {};
};

/// A backup that was made.
struct BackupMade {
  Manifest manifest;                 ///< as in the archive
  std::uint64_t octets = 0;          ///< of the files, before they are compressed
  std::uint64_t missing = 0;         ///< files that databases name and that did not exist
  std::chrono::milliseconds held{};  ///< the longest time for which a writer was held off
};

/// Writes a backup to `sink`. Blocks as long as that takes. Only one thread of the process may hold
/// databases of the directory open. Faults: `not_found`, there is no postern.db; `temporary`, a
/// gateway of an older Postern, a lock held too long; `disk_full`; `permanent`.
Result<BackupMade> make_backup(const BackupOptions& options, ArchiveWriter::Sink sink);

}  // namespace postern::backup
