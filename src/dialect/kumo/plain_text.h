// Plain text cut and replaced as Rust's str does it, which scripts know it by: no patterns, an
// empty separator stands in front of, between and behind all characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect::kumo {

enum class From { left, right };

/// At most `most` pieces, the last of which holds the rest; from the right the last piece comes
/// first. Views into `text`. Throws beyond a million.
std::vector<std::string_view> pieces(std::string_view text, std::string_view separator,
                                     std::size_t most, From from);
/// With at most `most` replacements, from the left. Throws beyond largest_text.
std::string replaced(std::string_view text, std::string_view what, std::string_view with,
                     std::size_t most);

enum class Blank { ascii, unicode };
/// The words between white space.
std::vector<std::string_view> words(std::string_view text, Blank blank);
/// Without the white space (Unicode's White_Space) at its ends.
std::string_view without_front(std::string_view text);
std::string_view without_back(std::string_view text);

/// Broken at white space into lines of at most `soft` octets where words allow it; words longer
/// than `hard` are broken, between characters. A break is CR LF TAB, as header fields are folded.
std::string wrapped(std::string_view text, std::size_t soft, std::size_t hard);

}  // namespace postern::dialect::kumo
