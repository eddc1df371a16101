// Files that rules leave for other programs.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::dialect::vsl {

/// Writes `text` to a new file `name` + `extension` below `root`/`folder`; when that exists
/// already, to `name`-2 and so on. Folders are made; a symbolic link is not followed. Gives the
/// file's path. Fault::denied for a folder that is absolute or has `..` in it. It blocks.
Result<std::string> write_new_file(const std::string& root, std::string_view folder,
                                   std::string_view name, std::string_view extension,
                                   std::string_view text);

}  // namespace postern::dialect::vsl
