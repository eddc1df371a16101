// Text other than ASCII in header fields: encoded words (RFC 2047).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::dialect::kumo {

/// Encoded words of at most 75 octets, on lines of at most 76 (RFC 2047 §2). A character of UTF-8
/// is not split between words (§5). `before`: octets on the line before the first word. `charset`:
/// the name of the text's charset, in ASCII.
std::string encoded_words(std::string_view text, std::size_t before,
                          std::string_view charset = "utf-8");

}  // namespace postern::dialect::kumo
