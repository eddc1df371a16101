// manifest.json, the last file of a backup: what the backup has, and from where.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backup/archive.h"
#include "base/error.h"
#include "base/time_text.h"

namespace postern::backup {

/// The manifest of a backup.
struct Manifest {
  std::string postern;                          ///< version of the program that wrote it
  std::string hostname;                         ///< of the gateway
  ClockTime time;                               ///< when the databases were read
  std::map<std::string, std::int64_t> schemas;  ///< schema versions by the names of databases
  std::uint64_t messages = 0;                   ///< in the queue
  std::uint64_t policies = 0;                   ///< of all accounts
  std::uint64_t accounts = 0;                   ///< that can sign in
  std::vector<FileEntry> files;                 ///< all but the manifest itself
};

/// The name of the manifest in the archive.
inline constexpr std::string_view manifest_name = "manifest.json";
/// Octets that a manifest may have: some million files.
inline constexpr std::uint64_t max_manifest = std::uint64_t{512} << 20;

/// The text of the file.
std::string manifest_text(const Manifest& manifest);
/// Fault::malformed: no manifest, or one whose files have names that is_safe_name() refuses.
/// Fault::denied: a newer Postern wrote it in another format.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace postern::backup
