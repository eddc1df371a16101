// base16, base32 and base64 (RFC 4648 §4 to §8), with decoders that report what is wrong and where.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern {

/// The encodings: §8, §6, §7, §4 and §5 of RFC 4648. Hex is lower case.
enum class Base : std::uint8_t { hex, base32, base32hex, base64, base64url };
/// Whether `=` fills up the last group; hex has none either way.
enum class Padding : std::uint8_t { with, without };

/// The encoded text, without line breaks. Thread-safe.
std::string encode(std::string_view octets, Base base, Padding padding = Padding::with);

/// Strict: no white space, padding exactly as `padding` says, and unused bits zero (RFC 4648 §3.5).
/// Hex letters may have either case; base32 letters are capitals. Fault::malformed: "at octet N:
/// ...", counted from 1; the message contains none of the text. Thread-safe.
Result<std::string> decode(std::string_view text, Base base, Padding padding = Padding::with);

}  // namespace postern
