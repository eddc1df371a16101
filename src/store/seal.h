// Encryption of texts that a copy of the database alone must not reveal.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace postern::store {

/// Encrypts and authenticates with a key that is stored separately (libsodium's secretbox, after a
/// random nonce). Safe from any thread.
class Seal {
 public:
  /// `key`: any length; it is hashed.
  explicit Seal(const Secret& key);

  /// The nonce and the encrypted text: 40 octets longer than `text`.
  std::string close(std::string_view text) const;
  /// nullopt: sealed with another key, damaged or changed.
  std::optional<std::string> open(std::string_view sealed) const;

 private:
  Secret key_;
};

}  // namespace postern::store
