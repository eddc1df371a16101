// Backups that are kept: how a file in a directory of backups is called, which of them go, and when
// the last one was made.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time_text.h"

namespace postern::backup {

/// The name of a backup in a directory: "postern-HOST-20261124T233559Z.tar.zst", in UTC. A file
/// name of the same host sorts by its time.
std::string file_name_of(const std::string& hostname, ClockTime time);

/// Deletes the oldest backups of this host in `directory` so that `keep` remain. Only regular files
/// with a name of file_name_of() count; others are never touched. Returns the deleted files' names.
/// Fault: `permanent`, the directory cannot be read or a file cannot be deleted.
Result<std::vector<std::string>> keep_newest(const std::filesystem::path& directory,
                                             const std::string& hostname, std::size_t keep);

/// Notes in the data directory that a whole backup was made: an empty file whose time is `time`,
/// with the owner of the directory. Fault: `permanent`.
Result<void> note_backup(const std::filesystem::path& data_dir, ClockTime time);

/// The time of the last whole backup of the data directory; nothing if none was noted, or the
/// directory cannot be read.
std::optional<ClockTime> last_backup(const std::filesystem::path& data_dir);

/// The note's name in the data directory; no backup has it.
inline constexpr std::string_view note_name = "last-backup";

}  // namespace postern::backup
