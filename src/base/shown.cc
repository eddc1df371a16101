#include "base/shown.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace postern {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

void append_unit(std::string& out, unsigned unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += hex_digits[unit >> shift & 15];
}

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

/// Whether the text is only printable ASCII, line ends and tabs, and so needs no escape.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t'; });
}

constexpr std::string_view blanks = " \t\r\n";

/// Where a run of characters that are not in `ends` stops.
std::size_t end_of(std::string_view text, std::size_t from, std::string_view ends) {
  return std::min(text.find_first_of(ends, from), text.size());
}

/// Octets [first, second).
using Span = std::pair<std::size_t, std::size_t>;

/// The password of a URL whose "://" ends before `from` (RFC 3986 §3.2.1). An octet of the password
/// that should have been encoded does not end it.
Span password_in_url(std::string_view text, std::size_t from) {
  const std::size_t whole = end_of(text, from, " \t\r\n\"'`<>{}");
  std::size_t end = end_of(text, from, "/?# \t\r\n\"'`<>{}");
  // An address has colons of its own, and no user before it (RFC 3986 §3.2.2).
  if (text.substr(from).starts_with('[')) return {from, from};
  const std::size_t colon = text.substr(0, end).find(':', from);
  if (colon == std::string_view::npos) return {from, from};
  std::size_t at = text.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < colon) {
    const bool is_port = text.substr(colon + 1, end - colon - 1).find_first_not_of("0123456789") ==
                         std::string_view::npos;
    at = is_port ? std::string_view::npos : text.substr(0, whole).rfind('@');
  }
  if (at == std::string_view::npos || at < colon) return {from, from};
  return {colon + 1, at};
}

/// The value of a setting whose name ends before `from`.
Span value_after_name(std::string_view text, std::size_t from, bool in_braces) {
  const Span none{from, from};
  std::size_t i = from;
  if (i < text.size() && (text[i] == '"' || text[i] == '\'')) ++i;
  i = std::min(text.find_first_not_of(blanks, i), text.size());
  if (i == text.size() || (text[i] != '=' && text[i] != ':')) return none;
  const bool colon = text[i++] == ':';
  if (i < text.size() && (text[i] == '=' || text[i] == '~')) return none;  // a comparison
  if (i < text.size() && text[i] == '>') ++i;
  i = std::min(text.find_first_not_of(blanks, i), text.size());
  if (i == text.size()) return none;
  Span value;
  if (text[i] == '"' || text[i] == '\'' || text[i] == '`') {
    value = {i + 1, end_of(text, i + 1, text.substr(i, 1))};
  } else if (colon) {
    return none;  // prose
  } else {
    value = {i, end_of(text, i, in_braces ? "}" : " \t\r\n,;}&\"'`")};
  }
  const std::string_view written = text.substr(value.first, value.second - value.first);
  // "..." stands where something else hid the value.
  for (const std::string_view place : {"credential:", "file:", "env:", "..."}) {
    if (written.starts_with(place)) return none;
  }
  return value;
}

}  // namespace

std::string without_passwords(std::string_view text) {
  std::vector<Span> found;
  for (std::size_t i = text.find("://"); i != std::string_view::npos; i = text.find("://", i + 3))
    found.push_back(password_in_url(text, i + 3));
  const std::string lowered = lower(text);
  for (const std::string_view name : {"password", "passwd", "bind_pw", "secret"}) {
    for (std::size_t i = lowered.find(name); i != std::string::npos;
         i = lowered.find(name, i + 1)) {
      const std::size_t brace = text.substr(0, i).find_last_of("{}");
      const bool in_braces = brace != std::string_view::npos && text[brace] == '{';
      found.push_back(value_after_name(text, i + name.size(), in_braces));
    }
  }
  std::erase_if(found, [](const Span& one) { return one.first == one.second; });
  std::ranges::sort(found);
  std::string out;
  std::size_t done = 0;
  for (const auto& [from, to] : found) {
    if (to <= done) continue;
    out += text.substr(done, std::max(from, done) - done);
    for (done = std::max(from, done); done < to;
         done += first_character(text.substr(done)).octets) {
      out += '*';
    }
  }
  out += text.substr(std::min(done, text.size()));
  return out;
}

Character first_character(std::string_view text) {
  const Character wrong{.value = 0xfffd, .octets = 1, .well_formed = false};
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = octet(0);
  if (first < 0x80) return {.value = first, .octets = 1, .well_formed = true};
  const std::size_t length = first < 0xc2   ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) return wrong;
  // RFC 3629 §4: the second octet's range depends on the first.
  const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (octet(1) < least || octet(1) > most) return wrong;
  char32_t value = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return wrong;
    value = value << 6 | (octet(i) & 0x3f);
  }
  return {.value = value, .octets = length, .well_formed = true};
}

bool is_hidden(char32_t c) {
  return c < 0x20 || is_between(c, 0x7f, 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
         is_between(c, 0x200b, 0x200f) || is_between(c, 0x2028, 0x202e) ||
         is_between(c, 0x2060, 0x206f) || c == 0xfeff || is_between(c, 0xfff9, 0xfffb) ||
         is_between(c, 0xe0000, 0xe007f);
}

void append_hidden(std::string& out, Character character, std::string_view octets) {
  if (!character.well_formed || character.value < 0x20) {
    const auto octet = static_cast<unsigned char>(octets.front());
    out += "\\x";
    out += hex_digits[octet >> 4];
    out += hex_digits[octet & 15];
  } else if (character.value < 0x10000) {
    append_unit(out, character.value);
  } else {  // RFC 8259 §7: a surrogate pair
    const auto rest = static_cast<unsigned>(character.value - 0x10000);
    append_unit(out, 0xd800 + (rest >> 10));
    append_unit(out, 0xdc00 + (rest & 0x3ff));
  }
}

std::string shown(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::string_view octets = text.substr(0, character.octets);
    if (character.well_formed && !is_hidden(character.value)) {
      out += octets;
    } else {
      append_hidden(out, character, octets);
    }
    text.remove_prefix(character.octets);
  }
  return out;
}

std::string shown_json(std::string json) {
  if (is_plain(json)) return json;
  std::string out;
  out.reserve(json.size() + 64);
  std::string_view rest = json;
  while (!rest.empty()) {
    const Character character = first_character(rest);
    const std::string_view octets = rest.substr(0, character.octets);
    const bool between = character.value < 0x20;  // JSON strings escape these themselves
    if (between || !is_hidden(character.value)) {
      out += character.well_formed ? octets : "\xef\xbf\xbd";
    } else {
      append_hidden(out, character, octets);
    }
    rest.remove_prefix(character.octets);
  }
  return out;
}

}  // namespace postern
