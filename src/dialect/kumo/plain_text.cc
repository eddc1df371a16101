#include "dialect/kumo/plain_text.h"

#include <cstring>

#include <algorithm>
#include <stdexcept>

#include "base/text.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {

namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

/// The offsets of all characters and of the end, at most `most`.
std::vector<std::size_t> boundaries(std::string_view text, std::size_t most) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at <= text.size() && found.size() < most; ++at) {
    if (at == text.size() || begins_character(text[at])) found.push_back(at);
  }
  return found;
}

/// The offsets of `what`, without overlaps, at most `most`. memmem() takes linear time for any
/// text.
std::vector<std::size_t> find_places(std::string_view text, std::string_view what,
                                     std::size_t most) {
  if (what.empty()) return boundaries(text, most);
  std::vector<std::size_t> found;
  std::size_t at = 0;
  while (found.size() < most && at < text.size()) {
    const void* next = memmem(text.data() + at, text.size() - at, what.data(), what.size());
    if (next == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const char*>(next) - text.data());
    found.push_back(at);
    at += what.size();
  }
  return found;
}

/// The same from the right: in `aaa` the last `aa` is at 1.
std::vector<std::size_t> find_all_right(std::string_view text, std::string_view what,
                                        std::size_t most) {
  std::vector<std::size_t> found;
  if (what.empty()) {
    found = boundaries(text, longest_list);
    std::reverse(found.begin(), found.end());
    found.resize(std::min(found.size(), most));
    return found;
  }
  const std::string turned(text.rbegin(), text.rend());
  const std::string turned_what(what.rbegin(), what.rend());
  found = find_places(turned, turned_what, most);
  for (std::size_t& at : found) at = text.size() - at - what.size();
  return found;
}

/// The length in octets of the white-space character at the front of `text`; 0: there is none.
std::size_t blank_at(std::string_view text, Blank blank) {
  const auto octet = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  if (octet(0) < 0x80) {
    const bool is = text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r');
    return is && (blank == Blank::unicode || text[0] != '\v') ? 1 : 0;
  }
  if (blank == Blank::ascii) return 0;
  for (const std::string_view one :
       {"\u0085", "\u00a0", "\u1680", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"}) {
    if (text.starts_with(one)) return one.size();
  }
  // U+2000 to U+200A.
  const bool is =
      text.starts_with("\xe2\x80") && text.size() > 2 && octet(2) >= 0x80 && octet(2) <= 0x8a;
  return is ? 3 : 0;
}

std::size_t last_character(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && !begins_character(text[--at])) {
  }
  return at;
}

}  // namespace

std::vector<std::string_view> pieces(std::string_view text, std::string_view separator,
                                     std::size_t most, From from) {
  std::vector<std::string_view> cut;
  if (most == 0) return cut;
  const std::size_t limit = std::min(most - 1, longest_list);
  const bool left = from == From::left;
  const auto found =
      left ? find_places(text, separator, limit) : find_all_right(text, separator, limit);
  script::demand(found.size() < longest_list, "the text has too many pieces");
  std::size_t begin = 0;
  std::size_t end = text.size();
  for (const std::size_t at : found) {
    if (left) {
      cut.push_back(text.substr(begin, at - begin));
      begin = at + separator.size();
    } else {
      cut.push_back(text.substr(at + separator.size(), end - at - separator.size()));
      end = at;
    }
  }
  cut.push_back(text.substr(begin, end - begin));
  return cut;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view with,
                     std::size_t most) {
  const auto found = find_places(text, what, most);
  const std::size_t added = with.size() > what.size() ? with.size() - what.size() : 0;
  script::demand(text.size() <= largest_text &&
                     (found.empty() || added <= (largest_text - text.size()) / found.size()),
                 "the result is longer than 16 MiB");
  std::string out;
  out.reserve(text.size() + found.size() * added);
  std::size_t begin = 0;
  for (const std::size_t at : found) {
    out.append(text, begin, at - begin).append(with);
    begin = at + what.size();
  }
  return out.append(text, begin);
}

std::vector<std::string_view> words(std::string_view text, Blank blank) {
  std::vector<std::string_view> found;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t size = blank_at(text.substr(at), blank);
    if (size == 0 && at < text.size()) {
      ++at;
      continue;
    }
    if (at > begin) found.push_back(text.substr(begin, at - begin));
    script::demand(found.size() < longest_list, "the text has too many pieces");
    at += std::max<std::size_t>(size, 1);
    begin = at;
  }
  return found;
}

std::string_view without_front(std::string_view text) {
  while (const std::size_t size = blank_at(text, Blank::unicode)) text.remove_prefix(size);
  return text;
}

std::string_view without_back(std::string_view text) {
  while (!text.empty()) {
    const std::size_t at = last_character(text);
    if (blank_at(text.substr(at), Blank::unicode) != text.size() - at) break;
    text = text.substr(0, at);
  }
  return text;
}

std::string wrapped(std::string_view text, std::size_t soft, std::size_t hard) {
  constexpr std::string_view fold = "\r\n\t";
  text = without_back(text);
  script::demand(hard > 0 && text.size() <= largest_text, "there is no such line length");
  std::string out;
  std::size_t line = 0;  // octets of the line so far
  for (std::size_t at = 0; at < text.size();) {
    std::size_t word = at;
    while (word < text.size() && blank_at(text.substr(word), Blank::ascii) != 0) ++word;
    std::size_t end = word;
    while (end < text.size() && blank_at(text.substr(end), Blank::ascii) == 0) ++end;
    if (line > 0 && line + (end - at) > soft) {
      out += fold;
      line = 0;
      at = word;  // the line break replaces the white space
    }
    while (line + (end - at) > hard) {
      std::size_t cut = at + (hard - line);
      while (cut > at + 1 && !begins_character(text[cut])) --cut;
      out.append(text, at, cut - at).append(fold);
      line = 0;
      at = cut;
    }
    out.append(text, at, end - at);
    line += end - at;
    at = end;
  }
  return out;
}

bool has_bare_break(std::string_view text) {
  for (std::size_t at = text.find_first_of("\r\n"); at != std::string_view::npos;
       at = text.find_first_of("\r\n", at + 2)) {
    if (text.substr(at, 2) != "\r\n") return true;
  }
  return false;
}

}  // namespace postern::dialect::kumo
