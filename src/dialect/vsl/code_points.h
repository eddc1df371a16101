// UTF-8, the encoding of scripts: characters and code points.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::dialect::vsl {

/// The length in octets of the UTF-8 sequence that begins with `lead`, which must be well-formed
/// (RFC 3629 §3).
inline std::size_t octets(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// The length in octets of the character at `at` in any text. An octet that is not UTF-8 counts as
/// one character.
inline std::size_t octets_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return 1;
  const std::size_t size = octets(text[at]);
  if (lead < 0xC2 || lead > 0xF4 || size > text.size() - at) return 1;
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 1;
  }
  return size;
}

/// The number of characters, as octets_at() counts them.
inline std::int64_t characters(std::string_view text) {
  std::int64_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += octets_at(text, at)) ++count;
  return count;
}

/// The UTF-8 sequence of a code point (RFC 3629 §3). nullopt: it is a surrogate or above U+10FFFF.
inline std::optional<std::string> utf8(std::uint32_t point) {
  if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::nullopt;
  std::string text;
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xC0 | (point >> 6));
    add(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    add(0xE0 | (point >> 12));
    add(0x80 | ((point >> 6) & 0x3F));
    add(0x80 | (point & 0x3F));
  } else {
    add(0xF0 | (point >> 18));
    add(0x80 | ((point >> 12) & 0x3F));
    add(0x80 | ((point >> 6) & 0x3F));
    add(0x80 | (point & 0x3F));
  }
  return text;
}

}  // namespace postern::dialect::vsl
