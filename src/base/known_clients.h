#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace postern {

/// Remembers which client address authenticated to which account recently, and the result
/// (`Opened`). Password guesses of other clients, or for another tenant's user of the same name,
/// therefore do not lock these clients out. Memory is bounded. Thread-safe.
template <class Opened>
class KnownClients {
 public:
  /// The clock of `now`.
  using Clock = std::chrono::steady_clock;
  /// Entries are valid for `kept`. At `max_clients` entries the expired ones are dropped; if none
  /// is, all are.
  explicit KnownClients(Clock::duration kept = std::chrono::hours(24),
                        std::size_t max_clients = 100'000)
      : kept_(kept), max_clients_(max_clients) {}

  /// `client` is subscriber_key() of the address.
  void remember(const std::string& client, const std::string& account, Opened opened,
                Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= max_clients_)
      std::erase_if(entries_, [&](const auto& one) { return now - one.second.at >= kept_; });
    if (entries_.size() >= max_clients_) entries_.clear();
    entries_[key_of(client, account)] = {.opened = std::move(opened), .at = now};
  }

  /// nullopt: not known, or older than `kept`.
  std::optional<Opened> find(const std::string& client, const std::string& account,
                             Clock::time_point now) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key_of(client, account));
    if (found == entries_.end() || now - found->second.at >= kept_) return std::nullopt;
    return found->second.opened;
  }

 private:
  struct Entry {
    Opened opened;
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

}  // namespace postern
