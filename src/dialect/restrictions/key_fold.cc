#include "dialect/restrictions/key_fold.h"

#include <glib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/owned.h"
#include "base/text.h"
#include "mailauth/names.h"

namespace postern::dialect::restrictions {

bool is_folded(std::string_view key) {
  constexpr std::uint64_t each = 0x0101010101010101;
  constexpr std::uint64_t high = 0x80 * each;
  std::uint64_t others = 0;  // bit 0x80 of an octet: it is no ASCII, or a capital
  const auto look_at = [&](const char* eight) {
    std::uint64_t octets = 0;
    std::memcpy(&octets, eight, sizeof octets);
    const std::uint64_t low = octets & ~high;
    const std::uint64_t from_a = low + (0x80 - 'A') * each;
    const std::uint64_t beyond_z = low + (0x80 - 'Z' - 1) * each;
    others |= octets | (from_a & ~beyond_z);
  };
  if (key.size() < 8) {
    std::array<char, 8> padded{};
    std::ranges::copy(key, padded.begin());
    look_at(padded.data());
  } else {
    for (std::size_t at = 0; at + 8 < key.size(); at += 8) look_at(key.data() + at);
    look_at(key.data() + key.size() - 8);
  }
  return (others & high) == 0;
}

std::string fold_key(std::string_view key) {
  const bool ascii = std::ranges::none_of(key, [](char c) { return (c & 0x80) != 0; });
  // The library ends at a NUL.
  if (ascii || key.find('\0') != std::string_view::npos || !is_utf8(key)) return lower(key);
  const Owned<char, g_free> folded(g_utf8_casefold(key.data(), static_cast<gssize>(key.size())));
  return folded.get();
}

std::optional<std::string> with_a_labels(std::string_view key) {
  const std::size_t at = key.rfind('@');
  std::size_t start = at == std::string_view::npos ? 0 : at + 1;
  if (key.substr(start).starts_with('.')) ++start;
  const std::string_view domain = key.substr(start);
  if (is_ascii(domain)) return std::nullopt;
  const auto name = mailauth::normalize_domain(domain);
  if (!name) return std::nullopt;
  return std::string(key.substr(0, start)) + *name;
}

}  // namespace postern::dialect::restrictions
