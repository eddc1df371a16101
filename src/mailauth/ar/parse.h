// The Authentication-Results header field (RFC 8601 §2.2): what one host reports about a message.
// Anyone can write such a field; decide first whether to believe it (strip.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mailauth::ar {

/// A property: `smtp.mailfrom=sender@example.org` has ptype smtp and property mailfrom.
struct Property {
  std::string ptype;     ///< in lower case
  std::string property;  ///< in lower case
  std::string value;     ///< without quotes
  bool operator==(const Property&) const = default;
};

/// A method and its result ("resinfo", RFC 8601 §2.2).
struct MethodResult {
  std::string method;                 ///< in lower case
  std::uint32_t version = 1;          ///< of the method; the caller ignores unknown versions
  std::string result;                 ///< in lower case
  std::optional<std::string> reason;  ///< without quotes
  std::vector<Property> properties;   ///< in their order
  bool operator==(const MethodResult&) const = default;
};

/// A parsed field.
struct AuthenticationResults {
  std::string authserv_id;            ///< as written, without quotes
  std::uint32_t version = 1;          ///< any other version must not be interpreted (RFC 8601 §2.2)
  std::vector<MethodResult> results;  ///< empty: the field says "none"
  bool operator==(const AuthenticationResults&) const = default;
};

/// Parses a field body: the text after the colon, folded, with or without the last CRLF. Skips
/// comments. Large senders deviate from the grammar, so these are accepted: a semicolon at the end,
/// underscores in keywords, unquoted values such as 2001:db8::1 or ab/c=. Fault::malformed for any
/// other deviation, control characters, and text that is not UTF-8. Linear in the length.
postern::Result<AuthenticationResults> parse(std::string_view body);

/// The beginning of a field body.
struct Head {
  std::string authserv_id;    ///< as written, without quotes
  std::uint32_t version = 1;  ///< of the field's grammar
  std::size_t size = 0;       ///< octets before the semicolon
};

/// Parses only authserv-id and version. Fault::malformed unless a semicolon or the end of the body
/// follows them.
postern::Result<Head> parse_head(std::string_view body);

/// An ARC-Authentication-Results field (RFC 8617 §4.1.1): `i=1; ` and an Authentication-Results
/// body.
struct ArcResults {
  std::uint32_t instance = 0;     ///< i=; its range is not checked
  AuthenticationResults results;  ///< the text after the instance
};
/// Parses the body of an ARC-Authentication-Results field. Errors as in parse().
postern::Result<ArcResults> parse_arc(std::string_view body);

}  // namespace mailauth::ar
