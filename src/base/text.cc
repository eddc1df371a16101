#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <sodium.h>

namespace postern {

namespace {

/// Works on eight octets at once, because names are short and looked up often: bit 0x80 of each
/// octet that is an ASCII capital letter.
std::uint64_t capitals(std::uint64_t octets) {
  constexpr std::uint64_t each = 0x0101010101010101;
  constexpr std::uint64_t high = 0x80 * each;
  const std::uint64_t low = octets & ~high;
  const std::uint64_t from_a = low + (0x80 - 'A') * each;
  const std::uint64_t beyond_z = low + (0x80 - 'Z' - 1) * each;
  return from_a & ~beyond_z & ~octets & high;
}

std::uint64_t eight_octets(const char* text) {
  std::uint64_t octets = 0;
  std::memcpy(&octets, text, sizeof octets);
  return octets;
}

}  // namespace

void lower_into(std::string_view text, char* out) {
  for (; text.size() >= 8; text.remove_prefix(8), out += 8) {
    const std::uint64_t octets = eight_octets(text.data());
    const std::uint64_t lowered = octets | capitals(octets) >> 2;
    std::memcpy(out, &lowered, sizeof lowered);
  }
  std::transform(text.begin(), text.end(), out, to_lower);
}

std::string lower(std::string_view text) {
  std::string out(text.size(), '\0');
  lower_into(text, out.data());
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_upper);
  return out;
}

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (; a.size() >= 8; a.remove_prefix(8), b.remove_prefix(8)) {
    const std::uint64_t x = eight_octets(a.data());
    const std::uint64_t y = eight_octets(b.data());
    if (x != y && (x | capitals(x) >> 2) != (y | capitals(y) >> 2)) return false;
  }
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const std::size_t at = text.find(separator);
    pieces.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + 1);
  }
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string printable(std::string_view text, std::size_t max) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(std::min(text.size(), max));
  for (const char c : text) {
    if (out.size() >= max) return out + "...";
    if (is_printable_ascii(c)) {
      out += c;
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out += "\\x";
      out += digits[octet >> 4];
      out += digits[octet & 15];
    }
  }
  return out;
}

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  while (p < end) {
    // Most text is ASCII: eight octets at a time.
    while (end - p >= 8 &&
           (eight_octets(reinterpret_cast<const char*>(p)) & 0x8080808080808080) == 0) {
      p += 8;
    }
    // And so is the end, whose last octets are looked at once more with those before them.
    if (end - p <= 8 && text.size() >= 8 &&
        (eight_octets(text.data() + text.size() - 8) & 0x8080808080808080) == 0) {
      break;
    }
    if (p == end) break;
    const unsigned char lead = *p++;
    if (lead < 0x80) continue;
    int more = 0;
    unsigned min = 0x80;
    unsigned max = 0xBF;
    // RFC 3629 §4: the second octet's range depends on the first.
    if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) min = 0xA0;
      if (lead == 0xED) max = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) min = 0x90;
      if (lead == 0xF4) max = 0x8F;
    } else {
      return false;
    }
    for (; more > 0; --more, min = 0x80, max = 0xBF) {
      if (p == end || *p < min || *p > max) return false;
      ++p;
    }
  }
  return true;
}

bool is_ascii(std::string_view text) {
  // Blocks without early exit, so that the compiler can vectorize the loop.
  constexpr std::size_t block = 256;
  for (std::size_t at = 0; at < text.size(); at += block) {
    unsigned char seen = 0;
    for (const char c : text.substr(at, block)) seen |= static_cast<unsigned char>(c);
    if ((seen & 0x80) != 0) return false;
  }
  return true;
}

namespace {

std::string base64_of(std::string_view bytes, int variant) {
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  out.pop_back();  // sodium counts the terminating NUL
  return out;
}

std::optional<std::string> octets_of_base64(std::string_view text, int variant) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* stop = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &size, &stop, variant) != 0 ||
      stop != text.data() + text.size()) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  return base64_of(bytes, sodium_base64_VARIANT_ORIGINAL);
}

std::optional<std::string> base64_decode(std::string_view text) {
  return octets_of_base64(text, sodium_base64_VARIANT_ORIGINAL);
}

std::string base64url_encode(std::string_view bytes) {
  return base64_of(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  return octets_of_base64(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

std::string hex_encode(std::string_view bytes) {
  std::string out(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                 bytes.size());
  out.pop_back();
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> above(row.size());
  std::vector<std::size_t> second_above(row.size());
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    second_above.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], second_above[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::optional<std::string_view> nearest(std::string_view word,
                                        const std::vector<std::string_view>& candidates) {
  // Comparing is quadratic, and no name of ours is as long: a longer word is not a slip.
  constexpr std::size_t longest = 128;
  if (word.size() > longest) return std::nullopt;
  const std::size_t reach = std::max<std::size_t>(2, word.size() / 3);
  std::optional<std::string_view> best;
  std::size_t best_distance = reach + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > word.size() + reach) continue;  // so many insertions at least
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace postern
