// xtext of RFC 3461 §4: how DSN parameters and XCLIENT attributes carry any octet.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

/// nullopt when malformed: `+` is followed by two digits 0-9A-F, all else is printable ASCII
/// without `=` and blanks.
std::optional<std::string> decode_xtext(std::string_view text);

}  // namespace postern::smtp
