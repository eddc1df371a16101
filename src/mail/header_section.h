// Reading a header section where it is, without a copy of it (RFC 5322 §2.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::mail {

/// Removes the first field of a header section, with its folds and line ends, from `rest`. nullopt
/// at the blank line, which is removed, and at the end. A line without a colon is a field, too.
std::optional<std::string_view> take_field(std::string_view& rest);

/// The name of such a field without blanks at its ends; the line if it has no colon. Not validated.
std::string_view name_of(std::string_view field);
/// The octets between the colon and the last CRLF, blanks and folds included.
std::string_view raw_value_of(std::string_view field);
/// raw_value_of() unfolded (RFC 5322 §2.2.3), without blanks at its ends.
std::string value_of(std::string_view field);

}  // namespace postern::mail
