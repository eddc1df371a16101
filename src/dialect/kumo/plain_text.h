// Splitting and replacing plain text with the semantics of Rust's str, which KumoMTA's scripts
// expect: no patterns; an empty separator matches before, between and after all characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect::kumo {

/// The end of a text at which splitting starts.
enum class From { left, right };

/// Splits into at most `most` pieces; the last one holds the rest. From the right, the last piece
/// of the text comes first. The results are views into `text`. Throws a sentence after a million
/// pieces.
std::vector<std::string_view> pieces(std::string_view text, std::string_view separator,
                                     std::size_t most, From from);
/// Replaces at most `most` occurrences, from the left. Throws a sentence if the result would exceed
/// largest_text.
std::string replaced(std::string_view text, std::string_view what, std::string_view with,
                     std::size_t most);

/// Which characters separate words: those of ASCII (without VT), or Unicode's White_Space.
enum class Blank { ascii, unicode };
/// The words of a text; views into it.
std::vector<std::string_view> words(std::string_view text, Blank blank);
/// Removes white space (Unicode's White_Space) at the front.
std::string_view without_front(std::string_view text);
/// The same at the end.
std::string_view without_back(std::string_view text);

/// Breaks lines at white space. Lines have at most `soft` octets where words allow it; words longer
/// than `hard` octets are broken between characters. A break is CR LF TAB, as in folded header
/// fields (RFC 5322 §2.2.3).
std::string wrapped(std::string_view text, std::size_t soft, std::size_t hard);
/// Whether CR or LF occurs alone, other than in CRLF.
bool has_bare_break(std::string_view text);

}  // namespace postern::dialect::kumo
