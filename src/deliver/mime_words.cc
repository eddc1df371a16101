#include "deliver/mime_words.h"

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"

namespace postern::deliver {
namespace {

/// `text` with the charset labels of its encoded words as iconv knows them; false beyond the limit.
bool relabel(std::string_view text, std::string& out) {
  std::size_t words = 0;
  for (std::size_t start = 0; (start = text.find("=?")) != std::string_view::npos;) {
    out += text.substr(0, start + 2);
    text.remove_prefix(start + 2);
    const std::size_t end = text.find_first_of("?* =");
    if (end == std::string_view::npos || (text[end] != '?' && text[end] != '*')) continue;
    if (++words > max_encoded_words) return false;
    out += Charsets::name(text.substr(0, end));
    text.remove_prefix(end);
  }
  out += text;
  return true;
}

}  // namespace

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

std::string decode_words(std::string_view text, Charsets& charsets, WordNotes& notes) {
  if (text.find("=?") == std::string_view::npos) return std::string(text);
  std::string labelled;
  if (!relabel(text, labelled)) {
    notes.too_many_words = true;
    return std::string(text);
  }
  char* decoded = g_mime_utils_header_decode_text(gmime::options(), labelled.c_str());
  std::string out = valid_utf8(decoded);
  g_free(decoded);
  for (char& c : out) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  return out;
}

}  // namespace postern::deliver
