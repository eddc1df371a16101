#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/canonical.h"
#include "mailauth/dkim/key_record.h"
#include "mailauth/dkim/reason.h"

namespace mailauth::dkim {

/// More names in h= than any signer writes; beyond it h= is malformed.
inline constexpr std::size_t max_signed_fields = 512;

/// A DKIM-Signature field (RFC 6376 §3.5). Domains are A-labels in lower case.
struct Signature {
  Algorithm algorithm = Algorithm::rsa_sha256;
  Forms forms;
  std::string domain;
  std::string selector;
  std::string identity;         ///< i= as written, or "@" and the domain
  std::string identity_domain;  ///< what is behind its "@"
  std::vector<std::string> fields;
  std::string body_hash;  ///< octets, of any number
  std::string value;      ///< octets, of any number
  std::optional<std::uint64_t> length;
  std::optional<std::int64_t> signed_at;
  std::optional<std::int64_t> expires_at;

  /// Where its key is (RFC 6376 §3.6.2.1).
  std::string key_name() const { return selector + "._domainkey." + domain; }
};

/// An ARC-Message-Signature (RFC 8617 §4.1.2) has the tags of a DKIM-Signature but for v=, and i=
/// is its instance, which is not read here.
enum class SignatureKind : std::uint8_t { dkim, arc_message };

/// With a reason other than ok, `signature` has what was read before the trouble: domain, selector
/// and algorithm wherever they are well-formed.
struct ParsedSignature {
  Signature signature;
  Reason reason = Reason::ok;
};
ParsedSignature parse_signature(std::string_view field_body,
                                SignatureKind kind = SignatureKind::dkim);

/// Base64 with white space anywhere (RFC 6376 §2.10); nullopt when empty.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mailauth::dkim
