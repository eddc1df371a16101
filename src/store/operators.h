// The accounts that operate the gateway.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace postern::store {

/// The accounts named in the configuration (api.operators); if it names none, the first account
/// ever created. Safe from any thread. The store must outlive it.
class Operators {
 public:
  /// `named`: ids of accounts; empty: the first account.
  Operators(Store& store, std::vector<std::string> named)
      : store_(store), named_(std::move(named)) {}

  /// Whether `account` operates the gateway. May block on the store until there is a first account,
  /// whose id is then cached for the life of this object. Errors: the store's.
  Result<bool> contains(const std::string& account) const;
  /// The same without asking the store; nullopt: call contains().
  std::optional<bool> known(const std::string& account) const;
  /// All operators; empty if there is no account yet. May block on the store. Errors: the store's.
  Result<std::vector<std::string>> accounts() const;

 private:
  Result<std::string> first() const;

  Store& store_;
  const std::vector<std::string> named_;
  mutable std::mutex mutex_;   ///< guards first_
  mutable std::string first_;  ///< empty: not known yet
};

}  // namespace postern::store
