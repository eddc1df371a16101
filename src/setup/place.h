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

/// The lines that differ, as in `diff -u` without hunk headers: " same", "-only in `before`",
/// "+only in `after`", at most three equal lines around a change.
std::string difference(const std::string& before, const std::string& after);

}  // namespace postern::setup
