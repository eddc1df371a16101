#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/memory_budget.h"

namespace postern::gateway {

/// In how many messages of the last 24 hours a DKIM signature was (threats of replay, RFC 6376
/// §8.6). Windows begin with a signature's first message. Memory is bounded and charged: beyond
/// `max_signatures` or a sixteenth of the budget, or when that is used up, the one not seen for the
/// longest time is forgotten. Not kept over a restart. Thread-safe.
class SignatureSightings {
 public:
  using Clock = std::chrono::steady_clock;
  using Key = std::array<char, 32>;

  /// `memory` outlives this.
  explicit SignatureSightings(MemoryBudget& memory, std::size_t max_signatures = 50'000,
                              Clock::duration window = std::chrono::hours(24));

  /// `value`: the octets of b=.
  Key key_of(std::string_view value) const;
  /// Counts one message. Returns those of the window, this one included.
  std::uint64_t add(const Key& key, Clock::time_point now);
  /// The message was not accepted after all.
  void withdraw(const Key& key);
  /// Forgets what is past its window, and all while the budget is low: then no message comes that
  /// would. To be called from time to time.
  void tidy(Clock::time_point now);
  std::size_t size() const;

 private:
  struct Entry {
    Key key;
    Clock::time_point started;
    Clock::time_point last;
    std::uint64_t count = 0;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      std::size_t hash = 0;  // keys are digests with a secret
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };
  void forget_oldest();
  void forget_past(Clock::time_point now);
  bool charge() { return charge_.set(by_key_.size() * entry_octets); }

  /// With the nodes of list and table.
  static constexpr std::size_t entry_octets = sizeof(Entry) + sizeof(Key) + 12 * sizeof(void*);

  MemoryBudget& memory_;
  const std::size_t max_signatures_;
  const Clock::duration window_;
  const std::string secret_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< the one seen last is at the end
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> by_key_;
  MemoryCharge charge_;
};

}  // namespace postern::gateway
