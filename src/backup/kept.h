// Backups that are kept: how a file in a directory of backups is called, which of them go, and when
// the last one was made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time_text.h"

namespace postern::backup {

/// What a backup holds: the names differ, so that one kind never counts for the other.
enum class Extent : std::uint8_t { whole, config_only };

/// The name of a backup in a directory: "postern-HOST-20261124T233559Z.tar.zst", in UTC, or
/// "….config.tar.zst". Names of one host and extent sort by their time.
std::string file_name_of(const std::string& hostname, ClockTime time, Extent extent);

/// Deletes the oldest backups beside `made` of the same host and extent, so that `keep` remain, at
/// least `made` itself. Names with a later time than `made` neither count nor go: the clock was
/// wrong once. Only regular files with a name of file_name_of() count; others are never touched.
/// `made` has such a name. Returns the deleted files' names. Fault: `permanent`, the directory
/// cannot be read or a file cannot be deleted.
Result<std::vector<std::string>> keep_newest(const std::filesystem::path& made, std::size_t keep);

/// A backup on its way to the name `made`: a file beside it with mode 0600, "MADE.ULID.part", that
/// this process alone has locked (flock(2)). The lock ends with the process, and tells which drafts
/// nobody writes any more.
struct Draft {
  std::string path;
  int fd = -1;  ///< the caller closes it
};

/// Makes the draft. Fault: `permanent`.
Result<Draft> make_draft(const std::filesystem::path& made);

/// Deletes the drafts that killed backups left beside `made`: those of its own name and, where it
/// has a name of file_name_of(), of all such names of its host and extent. Drafts that are being
/// written stay, and so does what cannot be deleted.
void remove_drafts(const std::filesystem::path& made);

/// Notes in the data directory that a whole backup was made: an empty file whose time is `time`,
/// with the owner of the directory. Fault: `permanent`.
Result<void> note_backup(const std::filesystem::path& data_dir, ClockTime time);

/// The time of the last whole backup of the data directory; nothing if none was noted, or the
/// directory cannot be read.
std::optional<ClockTime> last_backup(const std::filesystem::path& data_dir);

/// The note's name in the data directory; no backup has it.
inline constexpr std::string_view note_name = "last-backup";

}  // namespace postern::backup
