// Untrusted text made safe to display. Text from a client, a peer, a file or a script goes through
// this before it reaches a terminal, a log or a page: characters that move the cursor, change the
// direction of the line or are invisible are escaped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern {

/// The first character of a text.
struct Character {
  char32_t value = 0;      ///< U+FFFD when not valid UTF-8 (RFC 3629 §3)
  std::size_t octets = 1;  ///< its length; 1 when not valid UTF-8
  /// Whether it is valid UTF-8.
  bool well_formed = true;
};
/// Decodes the first character. `text` is not empty.
Character first_character(std::string_view text);

/// Whether a character must be escaped: C0 and C1 controls and DEL; characters that change
/// direction, end a line or are invisible: U+00AD, U+061C, U+180E, U+200B to U+200F, U+2028 to
/// U+202E, U+2060 to U+206F, U+FEFF, U+FFF9 to U+FFFB, the tags U+E0000 to U+E007F. The web pages
/// use the same set (web/src/parts/basic.tsx).
bool is_hidden(char32_t c);

/// Appends the escape of a character: `\x1b` for a C0 control and for an octet that is not UTF-8,
/// otherwise `\u202e` as in JSON. `octets` are the character's octets.
void append_hidden(std::string& out, Character character, std::string_view octets);

/// The text with hidden characters escaped, on one line. The result is valid UTF-8.
std::string shown(std::string_view text);

/// The text with each character of a password replaced by `*`, so that a place in the text stays
/// where it was. Passwords are found by how settings are written: `scheme://user:PASSWORD@host`,
/// and the value after `password =` (also `password: "…"`) where the name ends in `password`,
/// `passwd`, `bind_pw` or `secret`; letters alike. A value that names a secret's place
/// (`credential:`, `file:`, `env:`) stays, and `...`. It is for settings that somebody wrote; it
/// cannot find a password in prose.
std::string without_passwords(std::string_view text);

/// The same JSON value (RFC 8259 §7), safe to print: hidden characters inside strings are escaped.
/// Line ends and tabs between values stay.
std::string shown_json(std::string json);

}  // namespace postern
