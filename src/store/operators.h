// Which accounts operate the gateway.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace postern::store {

/// The accounts that the configuration names (api.operators); where it names none, the first one
/// that was ever made. Threads may share it. The store outlives it.
class Operators {
 public:
  Operators(Store& store, std::vector<std::string> named)
      : store_(store), named_(std::move(named)) {}

  /// Whether `account` operates the gateway. May read the store: once in the life of a gateway that
  /// has an account, since nobody becomes the first later. Errors: the store's.
  Result<bool> contains(const std::string& account) const;
  /// The same where the store need not be asked.
  std::optional<bool> known(const std::string& account) const;
  /// All of them; none where there is no account yet.
  Result<std::vector<std::string>> accounts() const;

 private:
  Result<std::string> first() const;

  Store& store_;
  const std::vector<std::string> named_;
  mutable std::mutex mutex_;   ///< guards the next
  mutable std::string first_;  ///< empty: not known yet
};

}  // namespace postern::store
