// Foreign text as people get to see it. Every text that a client, a peer, a file or a script wrote
// reaches a terminal, a log or a page through this: what would move the cursor, turn the line
// around or hide in it is written out instead.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern {

/// The character at the front of a text.
struct Character {
  char32_t value = 0;      ///< U+FFFD of what is no UTF-8 (RFC 3629)
  std::size_t octets = 1;  ///< of what is no UTF-8: 1
  bool well_formed = true;
};
/// `text` is not empty.
Character first_character(std::string_view text);

/// C0 and C1 controls and DEL; characters that turn text around, end a line, or are not seen:
/// U+00AD, U+061C, U+180E, U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF, U+FFF9 to
/// U+FFFB, the tags U+E0000 to U+E007F. The pages have the same set (web/src/parts/basic.tsx).
bool is_hidden(char32_t c);

/// Appends what stands for a character that is not shown: `\x1b` of a C0 control and of an octet
/// that is no UTF-8, else `\u202e` as in JSON.
void append_hidden(std::string& out, Character character, std::string_view octets);

/// The text on one line.
std::string shown(std::string_view text);

/// A JSON text with the same value (RFC 8259 §7) that can be printed: what is_hidden() in it is
/// escaped. Line ends and tabs between values stay.
std::string shown_json(std::string json);

}  // namespace postern
