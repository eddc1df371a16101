// ASCII text: functions that the mail grammars need and the standard library lacks. Independent of
// the locale. Thread-safe.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

/// ASCII only; other octets stay.
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
/// ASCII only; other octets stay.
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
/// 0 to 9.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// A to Z in either case.
constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
/// is_digit() or is_alpha().
constexpr bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
/// A letter, a digit or `_`, as in the names of most languages.
constexpr bool is_word_char(char c) { return is_alnum(c) || c == '_'; }
/// Space, tab, CR or LF.
constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
/// Space to `~`.
constexpr bool is_printable_ascii(char c) { return c >= 0x20 && c < 0x7f; }

/// ASCII lower case.
std::string lower(std::string_view text);
/// As lower(), into `out`, which has room for `text.size()` octets.
void lower_into(std::string_view text, char* out);
/// ASCII upper case.
std::string upper(std::string_view text);
/// Equality that ignores ASCII case.
bool iequals(std::string_view a, std::string_view b);
/// Prefix test that ignores ASCII case.
bool istarts_with(std::string_view text, std::string_view prefix);
/// Whether a list of texts holds the word.
bool is_one_of(std::string_view word, const auto& list) {
  return std::ranges::find(list, word) != std::ranges::end(list);
}
/// Without spaces, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);
/// The pieces between the separators, including empty ones; one piece if there is no separator. The
/// views point into the text.
std::vector<std::string_view> split(std::string_view text, char separator);
/// A temporary would be gone before its pieces are read.
template <std::same_as<std::string> Temporary>
void split(Temporary&& text, char separator) = delete;
/// Digits only, no sign or blanks; nullopt: anything else, or above 2^64 - 1.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// For logs and replies: octets outside printable ASCII become \xNN. A result longer than `max`
/// octets is cut and ends in "...".
std::string printable(std::string_view text, std::size_t max = 1024);
/// Whether the text is UTF-8 (RFC 3629 §3): no overlong form, surrogate or code point above
/// U+10FFFF.
bool is_utf8(std::string_view text);
/// No octet above 0x7F.
bool is_ascii(std::string_view text);

/// RFC 4648 §4, with padding.
std::string base64_encode(std::string_view bytes);
/// RFC 4648 §4, strict: padding is required, other characters are not allowed; nullopt: malformed.
std::optional<std::string> base64_decode(std::string_view text);
/// RFC 4648 §5 without padding, as in JWT (RFC 7515 §2).
std::string base64url_encode(std::string_view bytes);
/// The inverse; nullopt: malformed, or with padding.
std::optional<std::string> base64url_decode(std::string_view text);
/// Two lower-case digits per octet.
std::string hex_encode(std::string_view bytes);
/// The value of a hexadecimal digit in either case; nullopt: not one.
constexpr std::optional<unsigned> hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char low = to_lower(c);
  if (low >= 'a' && low <= 'f') return static_cast<unsigned>(low - 'a') + 10;
  return std::nullopt;
}

/// The number of insertions, deletions, replacements and swaps of neighbours between two words, for
/// "did you mean". O(a.size() * b.size()).
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate closest to `word`, at a distance of at most 2 or a third of its length; nullopt:
/// none, or a word of more than 128 octets, so that foreign words cost little.
std::optional<std::string_view> nearest(std::string_view word,
                                        const std::vector<std::string_view>& candidates);

}  // namespace postern
