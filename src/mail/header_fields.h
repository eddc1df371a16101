// A header section as fields that can be edited, and the addresses inside a field (RFC 5322 §2.2,
// §3.4). What is not edited keeps its octets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "mail/address.h"

namespace postern::mail {

struct HeaderField {
  std::string name;
  std::string text;  ///< as it stands in the header: name, colon, folded value, CRLF

  /// What stands between the colon and the last CRLF, blanks and folds included.
  std::string_view raw_value() const;
  /// The same on one line (RFC 5322 §2.2.3) without blanks at its ends.
  std::string value() const;
};

/// The fields of a message's header section, and where the body begins: behind the blank line. A
/// line without a colon is a field whose name is the line.
std::vector<HeaderField> fields_of(std::string_view message, std::size_t& body);
/// Where the body begins; the message's size when there is no blank line.
std::size_t body_of(std::string_view message);
/// A header section with its blank line.
std::string joined(const std::vector<HeaderField>& fields);

/// Where the quoted string or the comment (RFC 5322 §3.2.2, §3.2.4) that begins at `at` ends:
/// behind its last octet, or at the text's end when it is not closed.
std::size_t end_of_quoted(std::string_view text, std::size_t at);

/// Printable ASCII without blank and colon (RFC 5322 §2.2, ftext in §3.6.8).
bool is_field_name(std::string_view name);
/// `name: value` CRLF. Line breaks in the value must be folds, in front of a blank and something
/// else; a bare LF becomes CRLF. Lines of more than 998 octets (RFC 5322 §2.1.1) are folded at
/// their white space. Fault::malformed with a sentence, Fault::limit where such a line cannot be
/// folded.
Result<HeaderField> header_field(std::string_view name, std::string_view value);

/// `raw` without the given address, with the comma that belongs to it. nullopt: it is not there.
/// Names, comments and groups stay. An address that is written with comments inside is not found.
std::optional<std::string> without_address(std::string_view raw, const Mailbox& address);
/// `raw` with `replacement` wherever the address stands; display names stay.
std::optional<std::string> with_address_replaced(std::string_view raw, const Mailbox& address,
                                                 const Mailbox& replacement);

}  // namespace postern::mail
