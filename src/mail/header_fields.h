// Header sections as editable fields, and the addresses in a field (RFC 5322 §2.2, §3.4). Octets
// that are not edited stay as they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "mail/address.h"

namespace postern::mail {

/// One header field (RFC 5322 §2.2).
struct HeaderField {
  std::string name;  ///< without blanks at its ends; not validated
  std::string text;  ///< the whole field: name, colon, folded value, CRLF

  /// The octets between the colon and the last CRLF, blanks and folds included. A view into `text`.
  std::string_view raw_value() const;
  /// raw_value() unfolded (RFC 5322 §2.2.3), without blanks at its ends.
  std::string value() const;
};

/// The fields of a message's header section. `body` is set to the position after the blank line, or
/// to the message's size if there is none. A line without a colon becomes a field whose name is the
/// line.
std::vector<HeaderField> fields_of(std::string_view message, std::size_t& body);
/// The position of the body; the message's size if there is no blank line.
std::size_t body_of(std::string_view message);
/// The fields and the blank line after them.
std::string joined(const std::vector<HeaderField>& fields);

/// The end of the quoted string (RFC 5322 §3.2.4) or comment (§3.2.2) that begins at `at`: the
/// position after its last octet, or the text's end if it is not closed.
std::size_t end_of_quoted(std::string_view text, std::size_t at);

/// Printable ASCII without blank and colon (ftext, RFC 5322 §3.6.8).
bool is_field_name(std::string_view name);
/// Makes the field `name: value` CRLF. Each line break in the value must be a fold: a blank and
/// other text follow. A bare LF becomes CRLF. Lines longer than 998 octets (RFC 5322 §2.1.1) are
/// folded at white space. Fault::malformed: a bad name, a NUL, or another line break. Fault::limit:
/// a long line that cannot be folded.
Result<HeaderField> header_field(std::string_view name, std::string_view value);

/// `raw` without each occurrence of the address and its comma; nullopt: the address is not in it.
/// Names, comments and groups of other addresses stay. Compares case-insensitively; an address with
/// inner comments is not found.
std::optional<std::string> without_address(std::string_view raw, const Mailbox& address);
/// `raw` with each occurrence of the address replaced; display names stay. nullopt: it is not in
/// it.
std::optional<std::string> with_address_replaced(std::string_view raw, const Mailbox& address,
                                                 const Mailbox& replacement);

}  // namespace postern::mail
