// The accounts that operate the gateway.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
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

  /// Whether `account`, which exists, operates the gateway. The first call for an account may block
  /// on the store; its answer is then cached: no account becomes the first one later, or stops
  /// being it. Errors: the store's.
  Result<bool> contains(const std::string& account) const;
  /// The same without asking the store; nullopt: call contains().
  std::optional<bool> known(const std::string& account) const;
  /// All operators; empty if there is no account yet. May block on the store. Errors: the store's.
  Result<std::vector<std::string>> accounts() const;

 private:
  static constexpr std::size_t most_remembered = 10'000;

  Store& store_;
  const std::vector<std::string> named_;
  mutable std::mutex mutex_;  ///< guards answers_
  /// By account. Once all accounts are deleted, the next one is the first.
  mutable std::unordered_map<std::string, bool> answers_;
};

}  // namespace postern::store
