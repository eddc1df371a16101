// Writing Authentication-Results: whatever the values hold, they stay values.
#pragma once

#include <string>

#include "mailauth/ar/parse.h"

namespace mailauth::ar {

/// The field body, folded with CRLF and a tab, without the last CRLF; parse() reads the same data
/// from it, up to white space. Values are tokens, mailboxes of two tokens, or quoted-strings; line
/// ends in them become blanks, other control characters and octets that are not UTF-8 a question
/// mark. No line is longer than 998 octets, most are not longer than 78.
std::string write(const AuthenticationResults& results);

/// `Authentication-Results: ` and the body, with its last CRLF.
std::string write_field(const AuthenticationResults& results);

/// A value as it stands in the field: as it is when it is a token, else between quotes.
std::string write_value(std::string_view value);

}  // namespace mailauth::ar
