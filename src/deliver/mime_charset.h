// Octets of any charset a message names, as UTF-8. Legacy labels are read as the supersets that
// mail really uses (gb2312 is GB18030, iso-8859-1 is windows-1252, ...); nothing here ever fails:
// what cannot be decoded is U+FFFD, what cannot be named is windows-1252, and both are noted.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace postern::deliver {

/// What decoding had to put up with; each becomes a warning of the payload.
struct DecodeNotes {
  bool undecodable = false;      ///< U+FFFD stands for at least one octet
  bool unknown_charset = false;  ///< the label is not known: read as windows-1252
  bool guessed = false;          ///< 8-bit octets without a usable label, not UTF-8: windows-1252
  bool damaged = false;          ///< base64 in which other readers may see other octets

  void add(const DecodeNotes& other) {
    undecodable = undecodable || other.undecodable;
    unknown_charset = unknown_charset || other.unknown_charset;
    guessed = guessed || other.guessed;
    damaged = damaged || other.damaged;
  }
};

/// Decodes one stream of octets through GMime's iconv; feed() may cut anywhere. GMime's own charset
/// filter would write "?" for what it cannot decode. One stream at a time.
class Converter {
 public:
  /// Takes the handle; what cannot be decoded is skipped in units of so many octets.
  Converter(void* handle, std::size_t unit) : handle_(handle), unit_(unit) {}
  ~Converter();
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  /// Appends the UTF-8 form of `bytes` to `out`.
  void feed(std::string_view bytes, std::string& out);
  /// Ends the stream (an unfinished sequence becomes U+FFFD) and gets ready for the next one.
  void finish(std::string& out);

  /// Whether U+FFFD was written since this was last asked.
  bool take_replaced() { return std::exchange(replaced_, false); }

 private:
  void replacement(std::string& out);

  void* handle_;
  std::size_t unit_;
  std::string pending_;
  bool replaced_ = false;
};

/// The converters one message needs, opened once each.
class Charsets {
 public:
  Charsets();

  /// True when the label says nothing about 8-bit octets (absent, us-ascii, unknown-8bit): then
  /// they are UTF-8 where valid, else windows-1252.
  static bool says_nothing(std::string_view label);

  /// iconv's name of what a label means; windows-1252's when it names nothing.
  static std::string name(std::string_view label, DecodeNotes& notes);

  /// The converter of a label, ready for a new stream; it stays ours. `known` is false when the
  /// label names nothing and windows-1252 stands in.
  Converter& converter(std::string_view label, bool& known);

  /// Decodes a whole string.
  std::string decode(std::string_view label, std::string_view bytes, DecodeNotes& notes);

  /// Header text without a label: UTF-8 (RFC 6532 §3.1) where valid or merely damaged, else
  /// windows-1252.
  std::string decode_unlabelled(std::string_view bytes, DecodeNotes& notes);

 private:
  std::map<std::string, std::unique_ptr<Converter>, std::less<>> open_;
  std::unique_ptr<Converter> stand_in_;  ///< windows-1252, for labels that name nothing
};

/// `text` with every malformed sequence replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace postern::deliver
