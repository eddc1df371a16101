// Secrets of the control plane, sealed with the key file that all gateways of a cluster have.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "store/seal.h"

namespace postern::store {

/// What the database holds opens no door without the key. Safe from any thread.
class SecretSeal {
 public:
  /// `text` of a key file: a key a line, of at least 32 characters. The first one seals; the others
  /// open what was sealed with them before. Fault::malformed.
  static Result<SecretSeal> of(const Secret& text);
  /// The text of a new key file.
  static Secret new_key();

  /// Names the key that seals, and tells nothing of it.
  const std::string& id() const { return keys_.front().id; }
  /// Whether the key of this name is there.
  bool knows(std::string_view id) const;
  /// The same text gives the same octets, so that columns can be compared. Empty stays empty.
  std::string close(std::string_view text) const;
  /// nullopt: sealed with another key, damaged, or not sealed.
  std::optional<std::string> open(std::string_view sealed) const;

 private:
  struct Key {
    Seal seal;
    std::string mark;  ///< in front of what it has sealed
    std::string id;    ///< the same for people
  };
  std::vector<Key> keys_;
};

}  // namespace postern::store
