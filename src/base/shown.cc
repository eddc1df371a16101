#include "base/shown.h"

#include <algorithm>

namespace postern {

namespace {

constexpr char digits[] = "0123456789abcdef";

void append_unit(std::string& out, unsigned unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[unit >> shift & 15];
}

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

/// Whether the text is only printable ASCII, line ends and tabs, and so needs no escape.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t'; });
}

}  // namespace

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
    out += digits[octet >> 4];
    out += digits[octet & 15];
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
