// A data directory from a backup: extracted beside, verified, then moved into its place.
#pragma once

#include <cstdint>
#include <string>

#include "backup/archive.h"
#include "backup/manifest.h"
#include "base/error.h"

namespace postern::backup {

/// What becomes of mail that waited when the backup was made. `hold`: an operator releases it.
/// `release`: it is sent. `drop`: it is deleted.
enum class QueueFate { hold, release, drop };

/// A backup that was read into a folder.
struct Restored {
  Manifest manifest;          ///< of the backup
  std::uint64_t waiting = 0;  ///< messages with recipients that were queued in the backup
};

/// Reads a backup into the existing, empty folder `into` (mode 0600 files, 0700 folders), and
/// verifies it: names, sizes, checksums, schemas and the databases' integrity. Blocks. On failure
/// the folder holds what was read. Faults: `malformed`, no whole backup; `denied`, a newer Postern
/// wrote it; `disk_full`; `permanent`.
Result<Restored> extract(ArchiveReader::Source source, const std::string& into);

/// Makes an extracted folder ready for another life: sessions and one-time links are ended, and
/// mail that was queued gets its fate. Blocks.
Result<void> settle(const std::string& folder, QueueFate fate, Restored& restored);

}  // namespace postern::backup
