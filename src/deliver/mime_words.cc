#include "deliver/mime_words.h"

#include <algorithm>

#include <fmt/core.h>
#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"
#include "deliver/mime_transfer.h"

namespace postern::deliver {
std::string unfold_octets(std::string_view raw) {
  raw = trim(raw);
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\n' || (raw[i] == '\r' && i + 1 < raw.size() && raw[i + 1] == '\n')) continue;
    out += raw[i];
  }
  return out;
}

std::string unfold(std::string_view raw, Charsets& charsets, WordNotes& notes) {
  std::string out = unfold_octets(raw);
  if (is_ascii(out)) return out;
  return charsets.decode_unlabelled(out, notes.charset);
}

namespace {

/// If `text` begins with a base64 word, removes it and returns it as a Q word in hex. GMime decodes
/// consecutive base64 words as one, and stops at the padding of the first.
std::string as_hex(std::string_view& text) {
  const std::size_t mark = text.find('?');
  const std::size_t end = text.find("?=", std::min(mark + 3, text.size()));
  if (mark == std::string_view::npos || end == std::string_view::npos ||
      to_lower(text[mark + 1]) != 'b' || text[mark + 2] != '?') {
    return {};
  }
  std::string octets;
  TransferDecoder decoder(Transfer::base64);
  decoder.feed(text.substr(mark + 3, end - mark - 3), octets);
  decoder.finish(octets);
  std::string out = "?Q?";
  for (const char c : octets) out += fmt::format("={:02X}", static_cast<unsigned char>(c));
  text.remove_prefix(end);
  return out;
}

}  // namespace

std::string relabelled(std::string_view text, WordNotes& notes, std::string* rest_out) {
  std::string out;
  std::string clean;
  if (text.find('\0') != std::string_view::npos) {  // GMime stops at a NUL
    clean = text;
    std::replace(clean.begin(), clean.end(), '\0', ' ');
    text = clean;
  }
  std::string_view rest = text;
  const std::size_t last_close = text.rfind("?=") + 1;  // 0 if there is none
  std::size_t words = 0;
  for (std::size_t start = 0; (start = rest.find("=?")) != std::string_view::npos;) {
    const std::size_t end = rest.find_first_of("?* =", start + 2);
    const std::size_t mark = end == std::string_view::npos ? end : rest.find('?', end);
    const bool word = mark != std::string_view::npos && (rest[end] == '?' || rest[end] == '*') &&
                      text.size() - rest.size() + mark + 3 < last_close &&
                      std::string_view("bBqQ").find(rest[mark + 1]) != std::string_view::npos &&
                      rest[mark + 2] == '?';
    if (word && ++words > max_encoded_words) {
      notes.too_many_words = true;
      out += rest.substr(0, start);
      rest.remove_prefix(start);
      break;
    }
    out += rest.substr(0, start + 2);
    if (word) {
      const std::string_view label = rest.substr(start + 2, end - start - 2);
      const std::string name = Charsets::name(label, notes.charset);
      out += iequals(name, label) ? label : name;
    }
    rest.remove_prefix(word ? end : start + 2);
    if (word) out += as_hex(rest);
  }
  if (words <= max_encoded_words) out += std::exchange(rest, {});
  if (rest_out != nullptr) *rest_out = rest;
  return out;
}

std::string decode_words(std::string_view text, Charsets& /*charsets*/, WordNotes& notes) {
  if (text.find("=?") == std::string_view::npos) return std::string(text);
  std::string rest;
  const std::string labelled = relabelled(text, notes, &rest);
  char* decoded = g_mime_utils_header_decode_text(gmime::options(), labelled.c_str());
  std::string out = valid_utf8(decoded);
  g_free(decoded);
  for (char& c : out) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  return out.append(rest);
}

bool has_broken_base64(std::string_view text) {
  for (std::size_t at = text.find("=?"); at != std::string_view::npos;
       at = text.find("=?", at + 2)) {
    const std::size_t mark = text.find('?', at + 2);
    if (mark == std::string_view::npos) return false;
    const std::string_view rest = text.substr(mark + 1);
    if (!rest.starts_with("b?") && !rest.starts_with("B?")) continue;
    const std::string_view word = rest.substr(2, rest.find("?=", 2) - 2);
    const bool fits = std::all_of(word.begin(), word.end(), [](char c) {
      return is_alnum(c) || c == '+' || c == '/' || c == '=' || c == ' ' || c == '\t';
    });
    if (!fits) return true;
  }
  return false;
}

}  // namespace postern::deliver
