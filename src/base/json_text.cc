#include "base/json_text.h"

namespace postern {

namespace {

/// Appends `text` as the inside of a JSON string (RFC 8259 §7).
void escape(std::string_view text, std::string& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(done, i - done);
    done = i + 1;
    out += '\\';
    switch (c) {
      case '"':
        out += '"';
        break;
      case '\\':
        out += '\\';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += digits[c >> 4];
        out += digits[c & 15];
    }
  }
  out += text.substr(done);
}

}  // namespace

void JsonText::key(std::string_view name) {
  value(name);
  text_ += ':';
  comma_ = false;
}

void JsonText::value(std::string_view text) {
  begin_string();
  string_piece(text);
  end_string();
}

void JsonText::begin_string() {
  separate();
  text_ += '"';
}

void JsonText::string_piece(std::string_view text) { escape(text, text_); }

}  // namespace postern
