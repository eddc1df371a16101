#include "deliver/mime_words.h"

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"

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

std::string relabelled(std::string_view text, WordNotes& notes, std::string_view* rest_out) {
  std::string out;
  std::string_view rest = text;
  std::size_t words = 0;
  for (std::size_t start = 0; (start = rest.find("=?")) != std::string_view::npos;) {
    const std::size_t end = rest.find_first_of("?* =", start + 2);
    const bool word = end != std::string_view::npos && (rest[end] == '?' || rest[end] == '*');
    if (word && ++words > max_encoded_words) {
      notes.too_many_words = true;
      out += rest.substr(0, start);
      rest.remove_prefix(start);
      break;
    }
    out += rest.substr(0, start + 2);
    if (word) {
      const std::string_view label = rest.substr(start + 2, end - start - 2);
      const std::string name = Charsets::name(label);
      out += iequals(name, label) ? label : name;
    }
    rest.remove_prefix(word ? end : start + 2);
  }
  if (words <= max_encoded_words) out += std::exchange(rest, {});
  if (rest_out != nullptr) *rest_out = rest;
  return out;
}

std::string decode_words(std::string_view text, Charsets& /*charsets*/, WordNotes& notes) {
  if (text.find("=?") == std::string_view::npos) return std::string(text);
  std::string_view rest;
  const std::string labelled = relabelled(text, notes, &rest);
  char* decoded = g_mime_utils_header_decode_text(gmime::options(), labelled.c_str());
  std::string out = valid_utf8(decoded);
  g_free(decoded);
  for (char& c : out) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  return out.append(rest);
}

}  // namespace postern::deliver
