// Texts that a copy of a database must not give away.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace postern::store {

/// Encrypts and authenticates by a key that is kept apart (libsodium's secretbox, a random nonce in
/// front). Safe from any thread.
class Seal {
 public:
  explicit Seal(const Secret& key);

  std::string close(std::string_view text) const;
  /// nullopt: it was sealed by another key, or changed.
  std::optional<std::string> open(std::string_view sealed) const;

 private:
  Secret key_;
};

}  // namespace postern::store
