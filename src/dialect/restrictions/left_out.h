// The table files that a definition of lists only names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect::restrictions {

/// The files that `definition` (as of definition_of()) has only the SHA-256 of, and that have other
/// content now or cannot be read; sorted. Blocks while it reads them. None if it is malformed.
std::vector<std::string> changed_since(std::string_view definition);

}  // namespace postern::dialect::restrictions
