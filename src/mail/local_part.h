// Spellings of a local part (RFC 5321 §4.1.2).
#pragma once

#include <string>
#include <string_view>

namespace postern::mail {

/// The octets as a Quoted-string: in quotes, with a backslash before quotes and backslashes.
std::string quoted_local_part(std::string_view octets);

}  // namespace postern::mail
