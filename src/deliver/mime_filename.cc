#include "deliver/mime_filename.h"

#include <algorithm>

namespace postern::deliver {
namespace {

/// Length of a control at the start of `text` that reorders characters (U+061C, U+200E, U+200F,
/// U+202A-202E, U+2066-2069), as in "gpj.exe"; 0: none.
std::size_t bidi_length(std::string_view text) {
  if (text.substr(0, 2) == "\xD8\x9C") return 2;
  if (text.size() < 3 || text[0] != '\xE2') return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  if (second == 0x80 && (third == 0x8E || third == 0x8F || (third >= 0xAA && third <= 0xAE))) {
    return 3;
  }
  return second == 0x81 && third >= 0xA6 && third <= 0xA9 ? 3 : 0;
}

/// Cuts to at most `max` octets between characters, keeping a short extension.
std::string shortened(const std::string& name, std::size_t max) {
  if (name.size() <= max) return name;
  const std::size_t dot = name.rfind('.');
  const bool keep = dot != std::string::npos && name.size() - dot <= 16;
  const std::string extension = keep ? name.substr(dot) : std::string();
  std::size_t end = max - extension.size();
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end) + extension;
}

}  // namespace

std::optional<std::string> clean_filename(std::string_view name) {
  std::string out;
  bool blank = false;
  for (std::size_t i = 0; i < name.size();) {
    const char c = name[i];
    if (const std::size_t skip = bidi_length(name.substr(i)); skip > 0) {
      i += skip;
      continue;
    }
    ++i;
    if (c == '/' || c == '\\') {
      out.clear();
      blank = false;
    } else if (c == ' ') {
      blank = !out.empty();
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      if (blank) out += ' ';
      blank = false;
      out += c;
    }
  }
  if (out.empty() || out == "." || out == "..") return std::nullopt;
  return shortened(out, max_filename);
}

}  // namespace postern::deliver
