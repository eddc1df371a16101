#include "mail/hostname.h"

#include "base/ip.h"
#include "base/text.h"

namespace postern::mail {

namespace {

std::string_view without_last_dot(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool is_hostname(std::string_view text) {
  text = without_last_dot(text);
  if (text.empty() || text.size() > 255) return false;
  bool only_digits = true;
  std::size_t label = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      if (label == 0 || text[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    if (!is_alnum(c) && c != '-' && c != '_') return false;
    if (c == '-' && label == 0) return false;
    if (++label > 63) return false;
    only_digits &= is_digit(c);
  }
  return label > 0 && text.back() != '-' && !only_digits;
}

bool is_fqdn(std::string_view text) {
  return is_hostname(text) && without_last_dot(text).find('.') != std::string_view::npos;
}

bool is_address_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view tag = "IPv6:";
  const bool tagged = istarts_with(text, tag);
  if (tagged) text.remove_prefix(tag.size());
  // Only the tag makes it IPv6 (RFC 5321 §4.1.3).
  if (tagged != (text.find(':') != std::string_view::npos)) return false;
  return IpAddress::parse(text).has_value();
}

}  // namespace postern::mail
