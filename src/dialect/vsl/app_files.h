// Files that rules write for other programs.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::dialect::vsl {

/// Writes `text` to a new file, `name` + `extension`, in `folder` below `root`. If it exists, the
/// name becomes `name`-2, and so on. Missing folders are made; symbolic links are not followed.
/// Returns the file's path. Fault::denied if `folder` is absolute or contains `..`. Blocks.
Result<std::string> write_new_file(const std::string& root, std::string_view folder,
                                   std::string_view name, std::string_view extension,
                                   std::string_view text);

}  // namespace postern::dialect::vsl
