// What RFC 5322 and MIME ask of a message, as msg:check_fix_conformance() names it, and the repair
// of what a message lacks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "mail/header_fields.h"

namespace postern::dialect::kumo {

/// An issue of a message; a set of them is the sum of their bits.
enum Issue : std::uint8_t {
  missing_colon_value = 1,         ///< a header line without a colon (RFC 5322 §2.2)
  non_canonical_line_endings = 2,  ///< CR or LF alone (RFC 5321 §2.3.8)
  name_ends_with_space = 4,        ///< a blank before the colon (RFC 5322 §4.5.8)
  line_too_long = 8,               ///< a line of more than 78 octets (RFC 5322 §2.1.1)
  needs_transfer_encoding = 16,    ///< octets other than ASCII (RFC 2045 §2.8)
  missing_date_header = 32,        ///< no valid Date (RFC 5322 §3.6.1)
  missing_message_id_header = 64,  ///< no valid Message-ID (RFC 5322 §3.6.4)
  missing_mime_version = 128       ///< no MIME-Version of 1.0 (RFC 2045 §4)
};
using Issues = std::uint8_t;  ///< a set of Issue

/// Parses "LINE_TOO_LONG|MISSING_DATE_HEADER"; "" is the empty set. Fault::malformed: a name that
/// is none.
Result<Issues> parse_issues(std::string_view names);
/// The reverse of parse_issues().
std::string text_of(Issues issues);

/// The issues of a message. Linear in its size.
Issues issues_of(const std::vector<mail::HeaderField>& header, std::string_view body);

/// How to repair a message.
struct Repair {
  Issues what = 0;         ///< only these
  std::string date;        ///< the value of Date, if it is missing
  std::string message_id;  ///< the same for Message-ID
  /// The charset of text that names none; empty: UTF-8 if the text is valid UTF-8, otherwise
  /// "unknown-8bit" (RFC 1428).
  std::string charset;
};
/// Repairs a message's header in place, and returns the new body; nullopt: it is as before. Text
/// becomes quoted-printable, other parts base64, part by part; fields are folded, and words in them
/// encoded (RFC 2047). Signed and encrypted parts (RFC 1847), and parts that are nested deeper than
/// 20, stay as they are. Linear in the message's size.
std::optional<std::string> repair(std::vector<mail::HeaderField>& header, std::string_view body,
                                  const Repair& how);

}  // namespace postern::dialect::kumo
