// The DKIM-Signature field (RFC 6376 §3.5) as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/reason.h"
#include "mailauth/dkim/terms.h"

namespace mailauth::dkim {

/// Names in h= that are read, more than any signer writes; with more, h= is malformed.
inline constexpr std::size_t max_signed_fields = 512;

/// A DKIM-Signature field (RFC 6376 §3.5). Domains are A-labels in lower case.
struct Signature {
  Algorithm algorithm = Algorithm::rsa_sha256;  ///< a=
  Forms forms;                                  ///< c=
  std::string domain;                           ///< d=
  std::string selector;                         ///< s=
  std::string identity;                         ///< i= as written; "@" and d= when it is absent
  std::string identity_domain;                  ///< the part of `identity` after the "@"
  std::vector<std::string> fields;              ///< the names in h=, as written
  std::string body_hash;                        ///< bh= decoded; its length is not checked
  std::string value;                            ///< b= decoded; its length is not checked
  std::optional<std::uint64_t> length;          ///< l= in octets
  std::optional<std::int64_t> signed_at;        ///< t= in seconds since 1970
  std::optional<std::int64_t> expires_at;       ///< x= in seconds since 1970

  /// The name of the key record (RFC 6376 §3.6.2.1).
  std::string key_name() const { return selector + "._domainkey." + domain; }
};

/// The kind of field to parse. An ARC-Message-Signature (RFC 8617 §4.1.2) has the tags of a
/// DKIM-Signature, except that v= is ignored and i= is its instance, which parse_signature() does
/// not read.
enum class SignatureKind : std::uint8_t { dkim, arc_message };

/// A parsed signature. When `reason` is not ok, `signature` holds what was read before the error;
/// domain, selector and algorithm are set if they are well-formed.
struct ParsedSignature {
  Signature signature;         ///< what was read
  Reason reason = Reason::ok;  ///< why the field is invalid
};
/// Parses the field body, the text after the colon. Never fails: the result has a reason.
ParsedSignature parse_signature(std::string_view field_body,
                                SignatureKind kind = SignatureKind::dkim);

/// Decodes base64 with white space anywhere (RFC 6376 §2.10). Nullopt when empty or malformed.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mailauth::dkim
