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
  /// The same, but the same text gives the same octets: whoever sees two of them knows whether
  /// their texts are equal, and nothing else.
  std::string close_alike(std::string_view text) const;
  /// So many octets, 64 at most, that name the key and tell nothing of it.
  std::string mark(std::size_t size) const;
  /// nullopt: sealed with another key, damaged or changed.
  std::optional<std::string> open(std::string_view sealed) const;

 private:
  std::string close(std::string_view text, std::string nonce) const;

  Secret key_;
};

}  // namespace postern::store
