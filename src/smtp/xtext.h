// xtext (RFC 3461 §4): the encoding of DSN parameters and XCLIENT attributes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

/// The decoded octets. nullopt: malformed, that is, a `+` without two digits 0-9A-F, a blank, `=`,
/// or an octet outside printable ASCII.
std::optional<std::string> decode_xtext(std::string_view text);

}  // namespace postern::smtp
