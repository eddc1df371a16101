// Envelope addresses in the grammar of RFC 5321 §4.1.2, with UTF-8 as RFC 6531 §3.3 allows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::mail {

/// A domain in the form everything compares: lower case, A-labels, no trailing dot. Made by
/// parse_domain only, so holding one proves that it was checked.
class Domain {
 public:
  Domain() = default;
  /// Labels of letters, digits, hyphens inside and underscores, each 1-63 octets, 255 in all; one
  /// trailing dot is dropped, U-labels are converted by IDNA2008. An address literal is no domain.
  static Result<Domain> parse(std::string_view text);
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Domain&) const = default;

 private:
  std::string text_;
};

/// Whether addresses may hold octets above 127: only with SMTPUTF8 on MAIL (RFC 6531 §3.4).
enum class Utf8 { refused, allowed };

/// A Mailbox: local part and domain or address literal. The local part is kept as written (quotes
/// and all); `domain` is lower-case A-labels, or `[literal]`.
struct Mailbox {
  std::string local_part;  ///< at most 64 octets (RFC 5321 §4.5.3.1.1)
  std::string domain;      ///< at most 255 octets (RFC 5321 §4.5.3.1.2)

  /// As the client wrote it, less source routes: `local@domain`.
  std::string text() const;
  bool is_literal() const { return !domain.empty() && domain.front() == '['; }
  /// The local part without quotes and backslashes: `"a\ b"` is `a b`.
  std::string unquoted_local_part() const;
  bool operator==(const Mailbox&) const = default;
};

/// Parses `local@domain` without angle brackets. Errors are Fault::malformed (grammar),
/// Fault::limit (a length of RFC 5321 §4.5.3.1) or Fault::denied (non-ASCII while refused).
Result<Mailbox> parse_mailbox(std::string_view text, Utf8 utf8);

/// The result of reading `<...>` at the start of a MAIL or RCPT argument.
struct Path {
  std::optional<Mailbox> mailbox;  ///< nullopt is the null reverse-path `<>`
  bool postmaster = false;         ///< `<Postmaster>` without domain, RCPT only (RFC 5321 §4.1.1.3)
  bool source_route = false;       ///< `@a,@b:` stood in front (RFC 5321 appendix F.2)
  std::size_t length = 0;          ///< octets read, brackets included
};

/// How paths are read. `allowed` is for whoever judges addresses by lists of Postfix's: `<user>`
/// has an empty domain, a dot at the domain's end is dropped, `<@domain>` has an empty local part,
/// and an
/// @ in the local part stays there; a domain of digits and dots is refused.
enum class Bare { refused, allowed };

/// Reads a path at the start of `text`. Faults as parse_mailbox.
Result<Path> parse_path(std::string_view text, Utf8 utf8, Bare bare = Bare::refused);

}  // namespace postern::mail
