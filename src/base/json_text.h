// JSON written from front to back into one text (RFC 8259), for what is written with every message:
// no tree of values is built first.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace postern {

/// Commas are put where they belong; that keys and values alternate is the caller's business.
class JsonText {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);  ///< a string, valid UTF-8
  void value(const char* text) { value(std::string_view(text)); }
  void value(bool given) { raw(given ? "true" : "false"); }
  template <std::integral T>
  void value(T number) {
    char digits[24];
    raw({digits, std::to_chars(digits, digits + sizeof digits, number).ptr});
  }
  template <class T>
  void field(std::string_view name, const T& given) {
    key(name);
    value(given);
  }

  /// A string in pieces; they may cut anywhere, even inside a character.
  void begin_string();
  void string_piece(std::string_view text);
  void end_string() { text_ += '"'; }

  /// Values that are JSON already: one, or several with commas between.
  void raw(std::string_view values) {
    separate();
    text_ += values;
  }

  /// What is written so far; whoever streams it away empties it in between.
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
  bool comma_ = false;  ///< the next element needs one
};

}  // namespace postern
