// ASCII text: what the mail grammars need and the standard library lacks. Locale plays no part.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
constexpr bool is_printable_ascii(char c) { return c >= 0x20 && c < 0x7f; }

std::string lower(std::string_view text);
/// The same into `out`, where there is room for `text.size()` octets.
void lower_into(std::string_view text, char* out);
std::string upper(std::string_view text);
/// Equal when ASCII case is ignored.
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
/// Without the spaces, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);
/// The pieces between the separators, empty ones included; one piece when there is no separator.
std::vector<std::string_view> split(std::string_view text, char separator);
/// A decimal number of digits only, that fits; no sign, no blanks.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// For logs and replies: octets outside printable ASCII become \xNN; cut to `max` octets with
/// "...".
std::string printable(std::string_view text, std::size_t max = 1024);
/// Well-formed UTF-8 by RFC 3629: no overlong form, surrogate, or code point above U+10FFFF.
bool is_utf8(std::string_view text);
bool is_ascii(std::string_view text);

std::string base64_encode(std::string_view bytes);
/// Strict RFC 4648 §4: padding required, no white space, no other characters; else nullopt.
std::optional<std::string> base64_decode(std::string_view text);
/// RFC 4648 §5 without padding, as JWT uses it.
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);
std::string hex_encode(std::string_view bytes);
/// The value of a hexadecimal digit in either case; nullopt: it is none.
constexpr std::optional<unsigned> hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char low = to_lower(c);
  if (low >= 'a' && low <= 'f') return static_cast<unsigned>(low - 'a') + 10;
  return std::nullopt;
}

/// Insertions, deletions and replacements between two words; for "did you mean".
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate nearest to `word`, if within distance 2 or a third of its length.
std::optional<std::string_view> nearest(std::string_view word,
                                        const std::vector<std::string_view>& candidates);

}  // namespace postern
