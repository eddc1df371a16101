// DKIM signing (RFC 6376 §5): RSA and Ed25519 keys, DKIM-Signature fields.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "mailauth/dkim/canonical.h"
#include "mailauth/dkim/key_record.h"

namespace mailauth::dkim {

/// A private key. Copies share it. May be used by several threads at once.
class SigningKey {
 public:
  /// Reads an unencrypted PKCS#8 or PKCS#1 key: RSA of 1024-4096 bits, or Ed25519. Fault::malformed
  /// for anything else.
  static postern::Result<SigningKey> from_pem(const postern::Secret& pem);
  /// A new RSA key. `bits`: 1024-4096, otherwise Fault::malformed.
  static postern::Result<SigningKey> generate_rsa(unsigned bits = 2048);
  /// A new Ed25519 key.
  static postern::Result<SigningKey> generate_ed25519();

  /// The algorithm of the key's signatures.
  Algorithm algorithm() const { return algorithm_; }
  /// Size of the key in bits; 256 for Ed25519.
  unsigned bits() const;
  /// Signs data with the SHA-256 `digest`. Returns raw octets. Throws std::runtime_error when
  /// libcrypto fails.
  std::string sign(const Digest& digest) const;
  /// The TXT record that publishes the key (RFC 6376 §3.6.1). Above 255 octets a zone file needs
  /// several strings.
  std::string public_record() const;
  postern::Secret private_pem() const;  ///< the private key as unencrypted PKCS#8

 private:
  static postern::Result<SigningKey> wrap(evp_pkey_st* owned);
  SigningKey(std::shared_ptr<evp_pkey_st> key, Algorithm algorithm)
      : key_(std::move(key)), algorithm_(algorithm) {}
  std::shared_ptr<evp_pkey_st> key_;
  Algorithm algorithm_;
};

/// What to write into a DKIM-Signature field (RFC 6376 §3.5).
struct SignOptions {
  std::string domain;    ///< d=; may have U-labels
  std::string selector;  ///< s=; may have U-labels
  std::string identity;  ///< i=; left out when empty
  /// c=
  Forms forms = {.header = Canonicalization::relaxed, .body = Canonicalization::relaxed};
  /// The names for h=. Empty: default_fields() of the message.
  std::vector<std::string> fields;
  std::optional<std::int64_t> signed_at;   ///< t=: seconds since 1970
  std::optional<std::int64_t> expires_at;  ///< x=: seconds since 1970; must be after t=
  std::optional<std::uint64_t> length;     ///< l= in octets; lets anyone append text
};

/// The names for h= that suit this header: the fields of RFC 6376 §5.4.1, as often as they occur
/// (at most 8 times). Those that readers see are listed once more, so that none can be added.
std::vector<std::string> default_fields(const HeaderView& header);

/// The complete field "DKIM-Signature: ..." with its CRLF, to be put at the top of the message.
/// `header` is the header of the message. `body` is finished and was constructed with the options'
/// body form and length. Fault::malformed: the options are wrong, or the message has no From.
postern::Result<std::string> sign(const SigningKey& key, const SignOptions& options,
                                  const HeaderView& header, const BodyHasher& body);
/// A key and the selector under which it is published.
struct KeyAndSelector {
  const SigningKey* key;  ///< not null; borrowed
  std::string selector;   ///< s=
};
/// Signs a whole message: one field for each key, in order (RFC 8463 §3 suggests both algorithms).
/// `options.selector` is not used. Fault::limit: the header exceeds HeaderLimits. Fault::malformed
/// as for sign(), or when the message begins with white space.
postern::Result<std::string> sign_message(const std::vector<KeyAndSelector>& keys,
                                          const SignOptions& options, std::string_view message);

/// Completes a DKIM or ARC signature field. `field`: its text from the name to a final "b=".
/// `covered`: the canonical text that is signed before the field. Returns the field with its value
/// and a CRLF.
std::string complete_signature(const SigningKey& key, Canonicalization form, std::string covered,
                               std::string field);

/// Appends the octets in base64, in lines of at most 76 octets, folded with a tab. `column`: length
/// of the current line.
void append_folded_base64(std::string_view octets, std::size_t column, std::string& out);

}  // namespace mailauth::dkim
