#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "policy/verifier.h"

namespace postern::gateway {

/// Which client addresses signed in under which name lately, and what that opened: guesses of
/// others, or of another tenant's user of the same name, do not lock them out. Memory is bounded.
/// Thread-safe.
class KnownClients {
 public:
  using Clock = std::chrono::steady_clock;
  explicit KnownClients(Clock::duration kept = std::chrono::hours(24),
                        std::size_t max_clients = 100'000)
      : kept_(kept), max_clients_(max_clients) {}

  void remember(const std::string& client, const std::string& account, policy::AskedBefore opened,
                Clock::time_point now);
  std::optional<policy::AskedBefore> find(const std::string& client, const std::string& account,
                                          Clock::time_point now) const;

 private:
  struct Entry {
    policy::AskedBefore opened;
    Clock::time_point at;
  };
  static std::string key_of(const std::string& client, const std::string& account) {
    return client + '\0' + account;
  }

  const Clock::duration kept_;
  const std::size_t max_clients_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace postern::gateway
