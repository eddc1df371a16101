// RFC 4648: base16, base32 and base64 with their alphabets, and decoders that say what is wrong
// where.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern {

enum class Base : std::uint8_t { hex, base32, base32hex, base64, base64url };
enum class Padding : std::uint8_t { with, without };

std::string encode(std::string_view octets, Base base, Padding padding = Padding::with);

/// Strict: no white space, padding just as `padding` says, no bits set behind the last octet
/// (§3.5). Letters of hex may have either case, those of base32 are capitals. Fault::malformed with
/// "at octet N: ...", counted from 1; the sentence holds none of the text.
Result<std::string> decode(std::string_view text, Base base, Padding padding = Padding::with);

}  // namespace postern
