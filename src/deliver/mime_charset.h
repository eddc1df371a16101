// Converts text in any charset to UTF-8. Legacy labels mean the supersets that mail really uses
// (gb2312 is GB18030, iso-8859-1 is windows-1252, ...). Conversion never fails: undecodable octets
// become U+FFFD, an unknown charset is read as windows-1252, and both are noted.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace postern::deliver {

/// Problems while decoding; each becomes a warning in the payload.
struct DecodeNotes {
  bool undecodable = false;      ///< at least one octet became U+FFFD
  bool unknown_charset = false;  ///< the label is unknown: read as windows-1252
  bool guessed = false;  ///< 8-bit octets without a usable label and not UTF-8: windows-1252
  bool damaged = false;  ///< base64 that other programs may decode differently

  /// Adds the problems of `other`.
  void add(const DecodeNotes& other) {
    undecodable = undecodable || other.undecodable;
    unknown_charset = unknown_charset || other.unknown_charset;
    guessed = guessed || other.guessed;
    damaged = damaged || other.damaged;
  }
};

/// Decodes one stream at a time with GMime's iconv; feed() may be called with any pieces. GMime's
/// own charset filter would write "?" for undecodable octets.
class Converter {
 public:
  /// Takes ownership of the handle. Undecodable octets are skipped `unit` octets at a time.
  Converter(void* handle, std::size_t unit) : handle_(handle), unit_(unit) {}
  ~Converter();
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  /// Appends the UTF-8 form of `bytes` to `out`.
  void feed(std::string_view bytes, std::string& out);
  /// Ends the stream and prepares for the next one. An unfinished sequence becomes U+FFFD.
  void finish(std::string& out);

  /// Whether U+FFFD was written since the last call.
  bool take_replaced() { return std::exchange(replaced_, false); }

 private:
  void replacement(std::string& out);

  void* handle_;
  std::size_t unit_;
  std::string pending_;
  bool replaced_ = false;
};

/// The converters needed for one message, each opened once. One thread at a time.
class Charsets {
 public:
  /// Opens none: each is opened when it is needed.
  Charsets();

  /// Whether the label does not define 8-bit octets (absent, us-ascii, unknown-8bit). Such text is
  /// UTF-8 if valid, else windows-1252.
  static bool says_nothing(std::string_view label);

  /// iconv's name for a label; that of windows-1252, with a note, for an unknown label.
  static std::string name(std::string_view label, DecodeNotes& notes);

  /// The converter for a label, ready for a new stream; owned by this. An unknown label sets
  /// `known` to false and gets windows-1252.
  Converter& converter(std::string_view label, bool& known);

  /// Decodes a whole string.
  std::string decode(std::string_view label, std::string_view bytes, DecodeNotes& notes);

  /// Decodes header text without a label: as UTF-8 (RFC 6532 §3.1) if valid or only slightly
  /// damaged, else as windows-1252.
  std::string decode_unlabelled(std::string_view bytes, DecodeNotes& notes);

 private:
  std::map<std::string, std::unique_ptr<Converter>, std::less<>> open_;
  std::unique_ptr<Converter> stand_in_;  ///< windows-1252, for unknown labels
};

/// `text` with each malformed sequence (RFC 3629 §4) replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace postern::deliver
