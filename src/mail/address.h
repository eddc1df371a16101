// Envelope addresses by the grammar of RFC 5321 §4.1.2, with UTF-8 by RFC 6531 §3.3.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::mail {

/// A domain in canonical form: lower case, A-labels, no trailing dot. Only parse() makes one, so a
/// Domain is always valid (or empty).
class Domain {
 public:
  Domain() = default;
  /// Labels consist of letters, digits, inner hyphens and underscores, 1 to 63 octets each, 255 in
  /// all. One trailing dot is dropped; U-labels are converted by IDNA2008 (RFC 5891 §5). An address
  /// literal is not a domain. Fault::malformed: grammar. Fault::limit: too long.
  static Result<Domain> parse(std::string_view text);
  /// The canonical form; valid as long as the object.
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Domain&) const = default;

 private:
  std::string text_;
};

/// Whether addresses may contain octets above 127: only with SMTPUTF8 on MAIL (RFC 6531 §3.4).
enum class Utf8 { refused, allowed };

/// A Mailbox (RFC 5321 §4.1.2): local part, as written but with as few quotes as it needs, so that
/// `"ann"` is `ann` for every policy; and domain as lower-case A-labels, or `[literal]`.
struct Mailbox {
  std::string local_part;  ///< at most 252 octets, which a path has room for
  std::string domain;      ///< at most 255 octets (RFC 5321 §4.5.3.1.2)

  /// `local@domain`, without a source route; the local part alone if the domain is empty.
  std::string text() const;
  /// Whether the domain is an address literal.
  bool is_literal() const { return !domain.empty() && domain.front() == '['; }
  /// The local part without quotes and backslashes: `"a\ b"` is `a b`.
  std::string unquoted_local_part() const;
  bool operator==(const Mailbox&) const = default;
};

/// Parses `local@domain` without angle brackets. Fault::malformed: grammar. Fault::limit: a length
/// of RFC 5321 §4.5.3.1. Fault::denied: non-ASCII octets while refused.
Result<Mailbox> parse_mailbox(std::string_view text, Utf8 utf8);

/// The result of parsing `<...>` at the start of a MAIL or RCPT argument. A source route `@a,@b:`
/// is dropped (RFC 5321 §F.2).
struct Path {
  std::optional<Mailbox> mailbox;  ///< nullopt is the null reverse-path `<>`
  bool postmaster = false;  ///< `<Postmaster>` without domain, for RCPT only (RFC 5321 §4.1.1.3)
  std::size_t length = 0;   ///< octets parsed, brackets included
};

/// Parses a path at the start of `text`; text after `>` is ignored. Faults as parse_mailbox();
/// Fault::limit also for a path of more than 256 octets (RFC 5321 §4.5.3.1.3).
Result<Path> parse_path(std::string_view text, Utf8 utf8);

}  // namespace postern::mail
