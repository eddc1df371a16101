// Header text as people read it: unfolded, RFC 2047 encoded words decoded exactly once, raw 8-bit
// octets as UTF-8 or else windows-1252.
#pragma once

#include <string>
#include <string_view>

#include "deliver/mime_charset.h"

namespace postern::deliver {

/// Encoded words decoded in one field; later ones stay as they are written.
inline constexpr std::size_t max_encoded_words = 500;

struct WordNotes {
  DecodeNotes charset;
  bool too_many_words = false;
};

/// Without the line ends of folding (RFC 5322 §2.2.3) and the blanks at both ends; octets as they
/// are.
std::string unfold_octets(std::string_view raw);
/// The same, 8-bit octets made UTF-8.
std::string unfold(std::string_view raw, Charsets& charsets, WordNotes& notes);

/// `text` with its encoded words decoded, broken forms included: inside quotes or words, with
/// blanks in them, multi-byte characters cut between two words. What they decode to is not looked
/// at again. Line ends and NULs that come out of them become blanks.
std::string decode_words(std::string_view text, Charsets& charsets, WordNotes& notes);

/// Whether an encoded word in base64 (RFC 2047 §4.1) holds octets that are none.
bool has_broken_base64(std::string_view text);

/// `text` with the charset labels of its encoded words as iconv knows them, up to the word that is
/// one too many; from there it is `rest`.
std::string relabelled(std::string_view text, WordNotes& notes, std::string* rest = nullptr);

}  // namespace postern::deliver
