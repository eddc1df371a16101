#include "smtp/reply.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::smtp {
namespace {

constexpr std::size_t max_line = 512;  // RFC 5321 §4.5.3.1.5, including code and CRLF
constexpr std::size_t max_echo = 100;

/// Appends one line without CRLF; octets outside printable ASCII are replaced.
void append_text(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out += text;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
      [](char c) { return !is_printable_ascii(c) && c != '\t'; }, '?');
}

/// Takes the next line from `text`: up to a line feed, or to the last blank within `room` octets.
std::string_view take_line(std::string_view& text, std::size_t room) {
  std::size_t length = std::min(text.find('\n'), text.size());
  std::size_t skip = length < text.size() ? 1 : 0;
  if (length > room) {
    const std::size_t blank = text.substr(0, room + 1).rfind(' ');
    skip = blank == std::string_view::npos || blank == 0 ? 0 : 1;
    length = skip == 1 ? blank : room;
  }
  const std::string_view line = text.substr(0, length);
  text.remove_prefix(length + skip);
  return line;
}

}  // namespace

std::string EnhancedCode::to_string() const {
  return fmt::format("{}.{}.{}", klass, subject, detail);
}

std::optional<EnhancedCode> take_enhanced(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const auto parts = split(text.substr(0, end), '.');
  if (parts.size() != 3) return std::nullopt;
  std::array<std::uint64_t, 3> numbers{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto number = parts[i].size() <= 3 ? parse_number(parts[i]) : std::nullopt;
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  if (numbers[0] != 2 && numbers[0] != 4 && numbers[0] != 5) return std::nullopt;
  text = trim(text.substr(end));
  return EnhancedCode{static_cast<std::uint8_t>(numbers[0]), static_cast<std::uint16_t>(numbers[1]),
                      static_cast<std::uint16_t>(numbers[2])};
}

void append_wire(std::string& out, std::uint16_t code, EnhancedCode enhanced,
                 std::string_view text) {
  char prefix[32];  // "550-5.7.1 ", at most 4 + 15 + 1 octets
  std::size_t size =
      static_cast<std::size_t>(fmt::format_to_n(prefix, 8, "{:03} ", code).out - prefix);
  const std::size_t separator = size - 1;
  if (enhanced.present()) {
    const auto end = fmt::format_to_n(prefix + size, sizeof prefix - size, "{}.{}.{} ",
                                      enhanced.klass, enhanced.subject, enhanced.detail);
    size = static_cast<std::size_t>(end.out - prefix);
  }
  // RFC 4954 §4: a challenge is one line of any length.
  const std::size_t room = code == 334 ? text.size() : max_line - 2 - size;
  do {
    const std::string_view line = take_line(text, room);
    prefix[separator] = text.empty() ? ' ' : '-';  // RFC 5321 §4.2.1
    out.append(prefix, size);
    append_text(out, line);
    out += "\r\n";
  } while (!text.empty());
}

void Reply::append_wire(std::string& out) const { smtp::append_wire(out, code, enhanced, text); }

std::string Reply::to_wire() const {
  std::string out;
  append_wire(out);
  return out;
}

std::string Reply::to_string() const {
  std::string out = fmt::format("{:03} ", code);
  if (enhanced.present()) out += enhanced.to_string() + " ";
  for (const char c : shown()) out += is_printable_ascii(c) ? c : is_space(c) ? ' ' : '?';
  return out;
}

std::string echo(std::string_view client_text) {
  std::string out(client_text.substr(0, max_echo));
  for (char& c : out) {
    if (!is_printable_ascii(c) || c == '<' || c == '>' || c == '&') c = '?';
  }
  return out;
}

Reply reply_for(Fault fault) {
  switch (fault) {
    case Fault::malformed:
      return {501, {5, 5, 2}, "syntax error"};
    case Fault::limit:
      return {552, {5, 3, 4}, "limit exceeded"};
    case Fault::denied:
      return {550, {5, 7, 1}, "refused by policy"};
    case Fault::not_found:
      return {550, {5, 1, 1}, "no such recipient"};
    case Fault::disk_full:  // RFC 3463 §3.4
      return {452, {4, 3, 1}, "insufficient system storage"};
    case Fault::temporary:
    case Fault::permanent:
    case Fault::conflict:
    case Fault::bug:
    case Fault::unreachable:
    case Fault::damaged:
      break;
  }
  // A local failure, even a permanent one such as a disk error, is temporary to the client.
  return {451, {4, 3, 0}, "temporary local problem, try again later"};
}

}  // namespace postern::smtp
