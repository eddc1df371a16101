// Terms of a DKIM signature (RFC 6376 §3): its algorithm, and the canonical forms that it is made
// of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailauth::dkim {

/// A signing algorithm (RFC 6376 §3.3, RFC 8463 §3). rsa_sha1 is parsed but never verified
/// (RFC 8301 §3.1).
enum class Algorithm : std::uint8_t { rsa_sha256, ed25519_sha256, rsa_sha1 };
/// The algorithm that a= names; nullopt when it is unknown.
std::optional<Algorithm> parse_algorithm(std::string_view text);
/// The value of a=.
std::string_view to_text(Algorithm algorithm);

/// A canonicalization algorithm (RFC 6376 §3.4).
enum class Canonicalization : std::uint8_t { simple, relaxed };

/// The value of c= (RFC 6376 §3.5): "relaxed/simple" is header relaxed, body simple.
struct Forms {
  Canonicalization header = Canonicalization::simple;  ///< of the header fields
  Canonicalization body = Canonicalization::simple;    ///< of the body
  bool operator==(const Forms&) const = default;
};
/// Parses c=. One word alone leaves the body simple (RFC 6376 §3.5). Nullopt for anything else.
std::optional<Forms> parse_forms(std::string_view text);
/// The value of c=, always two words.
std::string to_text(const Forms& forms);

}  // namespace mailauth::dkim
