#include "mail/hostname.h"

#include <array>

#include "base/ip.h"
#include "base/text.h"

namespace postern::mail {

namespace {

std::string_view without_last_dot(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

enum Kind : unsigned char { other, letter, digit = 2, hyphen = 4, dot = 8 };

/// The kind of each octet, as a table: restriction lists check the same names many times.
constexpr std::array<Kind, 256> kinds = [] {
  std::array<Kind, 256> made{};
  for (int c = 'a'; c <= 'z'; ++c) made[c] = made[c - 'a' + 'A'] = letter;
  for (int c = '0'; c <= '9'; ++c) made[c] = digit;
  made['_'] = letter;
  made['-'] = hyphen;
  made['.'] = dot;
  return made;
}();

/// The kinds of octets in a host name, or'ed; 0: it is none. A dot at the end does not count.
unsigned kinds_in_hostname(std::string_view text) {
  text = without_last_dot(text);
  if (text.empty() || text.size() > 255) return 0;
  unsigned seen = 0;
  std::size_t begin = 0;  // of the label
  const auto is_label = [&](std::size_t end) {
    return end > begin && end - begin <= 63 && text[begin] != '-' && text[end - 1] != '-';
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Kind kind = kinds[static_cast<unsigned char>(text[i])];
    if (kind == other) return 0;
    seen |= kind;
    if (kind != dot) continue;
    if (!is_label(i)) return 0;
    begin = i + 1;
  }
  return is_label(text.size()) && (seen & (letter | hyphen)) != 0 ? seen : 0;
}

}  // namespace

bool is_hostname(std::string_view text) { return kinds_in_hostname(text) != 0; }

bool is_fqdn(std::string_view text) { return (kinds_in_hostname(text) & dot) != 0; }

std::optional<IpAddress> literal_address(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view tag = "IPv6:";
  const bool tagged = istarts_with(text, tag);
  if (tagged) text.remove_prefix(tag.size());
  // The tag is required for IPv6 only (RFC 5321 §4.1.3).
  if (tagged != (text.find(':') != std::string_view::npos)) return std::nullopt;
  return IpAddress::from_text(text);
}

bool is_address_literal(std::string_view text) { return literal_address(text).has_value(); }

}  // namespace postern::mail
