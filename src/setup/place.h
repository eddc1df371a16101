// Puts a file in place: all of it or nothing, and never over a file that somebody wrote.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace postern::setup {

/// What is at a path.
enum class There : std::uint8_t {
  nothing,  ///< no file
  same,     ///< a file of this text
  example,  ///< the file of the package, unchanged: `postern config example`
  other,    ///< a file that somebody wrote
};

/// Compares a file with the text that is to be written. `text_there`, if not null, gets the file's
/// text. Fault::not_found: something is there that cannot be read. Blocks.
Result<There> compare(const std::string& file, const std::string& text,
                      std::string* text_there = nullptr);

/// Writes the text into a draft of mode 0644 beside the file, then renames it. `over`: a file that
/// is there is replaced; otherwise it stays, with Fault::conflict. After an error nothing has
/// changed, and there is no draft. Blocks until the file is on the disk.
Result<void> put(const std::string& file, const std::string& text, bool over);

/// The folder beside the configuration for files that root alone reads: the unit of the service
/// loads it.
std::string credentials_folder(const std::string& config);
/// The file there of those who sign in.
std::string users_file(const std::string& config);

/// Why a user that owns nothing, and for whom home directories are closed as in the unit, cannot
/// read a file: one sentence with its names. Empty: it can, or there is no such file. Blocks.
std::string hidden_from_service(const std::string& file);

/// The lines that differ, as in `diff -u` without hunk headers: " same", "-only in `before`",
/// "+only in `after`", at most three equal lines around a change.
std::string difference(const std::string& before, const std::string& after);

}  // namespace postern::setup
