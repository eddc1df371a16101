// Files that a command writes.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::app {

/// Replaces a file by another text under its name, in one step; mode and symbolic links stay.
/// Fault::conflict: the file is not `before` any more. `before` empty and no such file: it is made.
/// Blocks.
Result<void> replace_file(const std::string& file, std::string_view before, std::string_view after);

/// Writes a file that a command line names: a new one, or over the old one. It may be a device.
/// Blocks.
Result<void> write_file(const std::string& file, std::string_view text);

}  // namespace postern::app
