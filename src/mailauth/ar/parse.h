// Authentication-Results, RFC 8601: what one host says it found out about a message. The text may
// come from anybody; whose it is must be decided first (strip.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mailauth::ar {

/// `smtp.mailfrom=sender@example.org` has ptype smtp, property mailfrom. The names are lower case.
struct Property {
  std::string ptype;
  std::string property;
  std::string value;  ///< unquoted
  bool operator==(const Property&) const = default;
};

/// One method and what came of it, RFC 8601 §2.2 "resinfo". Method and result are lower case.
struct MethodResult {
  std::string method;
  std::uint32_t version = 1;  ///< of the method; the caller ignores those it does not know
  std::string result;
  std::optional<std::string> reason;
  std::vector<Property> properties;
  bool operator==(const MethodResult&) const = default;
};

struct AuthenticationResults {
  std::string authserv_id;
  std::uint32_t version = 1;          ///< RFC 8601 §2.2: another one must not be interpreted
  std::vector<MethodResult> results;  ///< empty: the field said "none"
  bool operator==(const AuthenticationResults&) const = default;
};

/// Parses a field body (behind the colon; folded, with or without its last CRLF). Comments are
/// skipped. Read although the grammar has them not, because large senders write them: a semicolon
/// at the end, underscores in keywords, unquoted values such as 2001:db8::1 or ab/c=. Anything else
/// outside of the grammar, control characters and text that is not UTF-8 is malformed. Linear.
postern::Result<AuthenticationResults> parse(std::string_view body);

/// How a field body begins.
struct Head {
  std::string authserv_id;
  std::uint32_t version = 1;
  std::size_t size = 0;  ///< octets up to, not with, the semicolon
};

/// Reads authserv-id and version alone; malformed when they are not followed by a semicolon or the
/// end of the body.
postern::Result<Head> parse_head(std::string_view body);

/// RFC 8617 §4.1.1: `i=1; ` in front of what an Authentication-Results field holds.
struct ArcResults {
  std::uint32_t instance = 0;
  AuthenticationResults results;
};
postern::Result<ArcResults> parse_arc(std::string_view body);

}  // namespace mailauth::ar
