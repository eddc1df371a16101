#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace postern {

/// Which client addresses signed in to which account lately, and what that opened: guesses of
/// others, or of another tenant's user of the same name, do not lock them out. Memory is bounded.
/// Thread-safe.
template <class Opened>
class KnownClients {
 public:
  using Clock = std::chrono::steady_clock;
  explicit KnownClients(Clock::duration kept = std::chrono::hours(24),
                        std::size_t max_clients = 100'000)
      : kept_(kept), max_clients_(max_clients) {}

  /// `client`: subscriber_key() of the address.
  void remember(const std::string& client, const std::string& account, Opened opened,
                Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= max_clients_)
      std::erase_if(entries_, [&](const auto& one) { return now - one.second.at >= kept_; });
    if (entries_.size() >= max_clients_) entries_.clear();
    entries_[key_of(client, account)] = {.opened = std::move(opened), .at = now};
  }

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
