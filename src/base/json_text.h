// A JSON writer (RFC 8259 §2) that appends to one string. For documents written with every message:
// it builds no tree of values.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace postern {

/// Places the commas. The caller alternates keys and values and closes what it opens. For one
/// thread at a time.
class JsonText {
 public:
  void begin_object() { open('{'); }  ///< `{`
  void end_object() { close('}'); }   ///< `}`
  void begin_array() { open('['); }   ///< `[`
  void end_array() { close(']'); }    ///< `]`
  /// Valid UTF-8; the value must follow.
  void key(std::string_view name);

  void value(std::string_view text);  ///< a string; `text` is valid UTF-8
  void value(const char* text) {
    value(std::string_view(text));
  }  ///< a string; NUL-terminated UTF-8
  void value(bool given) { raw(given ? "true" : "false"); }  ///< `true` or `false`
  /// An integer in decimal.
  template <std::integral T>
  void value(T number) {
    char digits[24];
    raw({digits, std::to_chars(digits, digits + sizeof digits, number).ptr});
  }
  /// key() and value().
  template <class T>
  void field(std::string_view name, const T& given) {
    key(name);
    value(given);
  }

  /// A string in pieces, which may split a character.
  void begin_string();
  void string_piece(std::string_view text);  ///< valid UTF-8 once all pieces are joined
  void end_string() { text_ += '"'; }        ///< ends the string

  /// One JSON value that is already encoded, or several separated by commas.
  void raw(std::string_view values) {
    separate();
    text_ += values;
  }

  /// The text written so far. A caller that streams it may clear it at any time.
  std::string& text() { return text_; }

 private:
  void separate() {
    if (comma_) text_ += ',';
    comma_ = true;
  }
  void open(char bracket) {
    separate();
    text_ += bracket;
    comma_ = false;
  }
  void close(char bracket) {
    text_ += bracket;
    comma_ = true;
  }

  std::string text_;
  bool comma_ = false;  ///< the next element needs a comma
};

}  // namespace postern
