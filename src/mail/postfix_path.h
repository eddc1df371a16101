// The paths of MAIL and RCPT as Postfix reads them, where restriction lists are in use.
#pragma once

#include <string_view>

#include "base/error.h"
#include "mail/address.h"

namespace postern::mail {

/// Which of Postfix's forms are read; its parameter strict_rfc821_envelopes.
enum class Envelopes {
  lenient,  ///< all of parse_postfix_path()
  strict,   ///< no path without brackets, no display name, no empty local part
};

/// Parses the path at the start of `text`, which ends at its `>`, or without brackets at the first
/// blank. Beyond the grammar of RFC 5321 §4.1.2 it reads
/// * addresses without a domain: Mailbox::domain is empty;
/// * `eve..x@D`, `.eve@D` and `eve.@D`: the local part is a quoted string from then on;
/// * `@D`: the local part is `""`;
/// * `eve@D.` without its last dot;
/// * `eve@D` and `eve@D>` without brackets;
/// * `<Eve <eve@D>>` without the display name;
/// * `x@other@D`, a route to another domain, as `"x@other"@D`.
/// It refuses a local part that begins with a hyphen and a domain of digits and dots alone, as
/// Postfix does. Each address has one reading: with its domain, or a substitute for an empty one,
/// the result is a Mailbox that parse_mailbox() reads as the same one. Path::postmaster is never
/// set. Faults as for parse_path().
Result<Path> parse_postfix_path(std::string_view text, Utf8 utf8,
                                Envelopes envelopes = Envelopes::lenient);

}  // namespace postern::mail
