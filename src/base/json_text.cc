#include "base/json_text.h"

#include <cstdint>
#include <cstring>

namespace postern {

namespace {

/// Whether one of eight octets is to be escaped, without a look at each: an octet less than n has
/// its highest bit set by taking n away, and had not before.
bool has_escaped(const char* octets) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t high = ones * 0x80;
  std::uint64_t word = 0;
  std::memcpy(&word, octets, sizeof word);
  const auto below = [&](std::uint64_t of, std::uint64_t n) { return (of - ones * n) & ~of; };
  return ((below(word, 0x20) | below(word ^ (ones * '"'), 1) | below(word ^ (ones * '\\'), 1)) &
          high) != 0;
}

/// Appends `text` as the inside of a JSON string (RFC 8259 §7).
void escape(std::string_view text, std::string& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.size() - i >= 8 && !has_escaped(text.data() + i)) {
      i += 7;
      continue;
    }
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
