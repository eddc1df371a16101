// Header text for people: unfolded, encoded words (RFC 2047 §2) decoded exactly once, and raw 8-bit
// octets read as UTF-8 or else windows-1252.
#pragma once

#include <string>
#include <string_view>

#include "deliver/mime_charset.h"

namespace postern::deliver {

/// Encoded words decoded in one field; the rest stays as written.
inline constexpr std::size_t max_encoded_words = 500;

/// Problems while decoding a field.
struct WordNotes {
  DecodeNotes charset;          ///< of the words and raw octets
  bool too_many_words = false;  ///< more than max_encoded_words
};

/// Removes the line ends of folding (RFC 5322 §2.2.3) and blanks at both ends; other octets stay.
std::string unfold_octets(std::string_view raw);
/// The same, with 8-bit octets converted to UTF-8.
std::string unfold(std::string_view raw, Charsets& charsets, WordNotes& notes);

/// Decodes the encoded words of `text`, malformed ones included: inside quotes or words, with
/// blanks inside, or with a character split between two words. The result is not decoded again;
/// line ends and NULs in it become blanks.
std::string decode_words(std::string_view text, Charsets& charsets, WordNotes& notes);

/// Whether an encoded word in base64 (RFC 2047 §4.1) contains characters outside base64.
bool has_broken_base64(std::string_view text);

/// `text` with the charset labels of its encoded words replaced by iconv's names. After
/// max_encoded_words, the remaining text goes to `rest`, if not null.
std::string relabelled(std::string_view text, WordNotes& notes, std::string* rest = nullptr);

}  // namespace postern::deliver
