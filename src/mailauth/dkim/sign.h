// Signing: RSA and Ed25519 keys, DKIM-Signature fields.
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

class SigningKey {
 public:
  /// An RSA key of 1024-4096 bits or an Ed25519 key, PKCS#8 or PKCS#1, not encrypted.
  static postern::Result<SigningKey> from_pem(const postern::Secret& pem);
  static postern::Result<SigningKey> generate_rsa(unsigned bits = 2048);
  static postern::Result<SigningKey> generate_ed25519();

  Algorithm algorithm() const { return algorithm_; }
  unsigned bits() const;
  /// The signature of the data with this SHA-256; octets.
  std::string sign(const Digest& digest) const;
  /// The TXT record that publishes the key (RFC 6376 §3.6.1); above 255 octets it takes several
  /// strings in a zone.
  std::string public_record() const;
  postern::Secret private_pem() const;  ///< PKCS#8

 private:
  static postern::Result<SigningKey> wrap(evp_pkey_st* owned);
  SigningKey(std::shared_ptr<evp_pkey_st> key, Algorithm algorithm)
      : key_(std::move(key)), algorithm_(algorithm) {}
  std::shared_ptr<evp_pkey_st> key_;
  Algorithm algorithm_;
};

struct SignOptions {
  std::string domain;  ///< may have U-labels
  std::string selector;
  std::string identity;  ///< i=, left out when empty
  Forms forms = {.header = Canonicalization::relaxed, .body = Canonicalization::relaxed};
  /// h= as it is to be. Empty: default_fields() of the message.
  std::vector<std::string> fields;
  std::optional<std::int64_t> signed_at;   ///< t=
  std::optional<std::int64_t> expires_at;  ///< x=
  std::optional<std::uint64_t> length;     ///< l=; not to be used for mail that matters
};

/// What is worth signing of this header: the fields RFC 6376 §5.4.1 names as often as they are
/// there and, for those a reader sees, once more, so that none can be added.
std::vector<std::string> default_fields(const HeaderView& header);

/// The whole field "DKIM-Signature: ..." with its CRLF, to be put on top of the message. `body` is
/// finished and made with the options' body form and length. `header` is the message's.
postern::Result<std::string> sign(const SigningKey& key, const SignOptions& options,
                                  const HeaderView& header, const BodyHasher& body);
/// The same for a message at once; several keys give several fields (RFC 8463 §3: both algorithms).
struct KeyAndSelector {
  const SigningKey* key;
  std::string selector;
};
postern::Result<std::string> sign_message(const std::vector<KeyAndSelector>& keys,
                                          const SignOptions& options, std::string_view message);

/// Completes a signature field, of DKIM or ARC. `field`: its text from its name to an ending "b=".
/// `covered`: the canonical text signed before it. Returns the field with its value and CRLF.
std::string complete_signature(const SigningKey& key, Canonicalization form, std::string covered,
                               std::string field);

/// Appends the octets in base64, in lines that fit 76 octets, folded with a tab. `column`: how long
/// the line is already.
void append_folded_base64(std::string_view octets, std::size_t column, std::string& out);

}  // namespace mailauth::dkim
