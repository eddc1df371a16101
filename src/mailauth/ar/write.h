// Writes the Authentication-Results header field (RFC 8601 §2.2). No value can alter the structure
// of the field.
#pragma once

#include <string>

#include "mailauth/ar/parse.h"

namespace mailauth::ar {

/// The field body, folded with CRLF and a tab, without the last CRLF. parse() gives the same data,
/// except for white space. Values become tokens, mailboxes of two tokens, or quoted-strings. In
/// values, line ends become blanks; other control characters and octets that are not UTF-8 become
/// question marks. Lines have at most 998 octets (RFC 5322 §2.1.1), most of them at most 78. Never
/// fails.
std::string write(const AuthenticationResults& results);

/// The whole field: `Authentication-Results: `, the body and the last CRLF.
std::string write_field(const AuthenticationResults& results);

/// A value as the field contains it: unchanged when it is a token or a mailbox of tokens, otherwise
/// a quoted-string.
std::string write_value(std::string_view value);

}  // namespace mailauth::ar
