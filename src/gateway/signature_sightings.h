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

/// Counts the messages of the last 24 hours that carry a DKIM signature (replay attacks, RFC 6376
/// §8.6). A signature's window begins with its first message. Memory is charged and bounded: above
/// `max_signatures` or a sixteenth of the budget, or when the budget is used up, the signature that
/// was seen least recently is forgotten. Counters do not survive a restart. Thread-safe.
class SignatureSightings {
 public:
  /// The clock of windows.
  using Clock = std::chrono::steady_clock;
  /// A keyed digest of a signature.
  using Key = std::array<char, 32>;

  /// `memory` outlives this object. `max_signatures` is at least 1.
  explicit SignatureSightings(MemoryBudget& memory, std::size_t max_signatures = 50'000,
                              Clock::duration window = std::chrono::hours(24));

  /// `value`: the octets of the b= tag (RFC 6376 §3.5). Keys of other instances differ.
  Key key_of(std::string_view value) const;
  /// Counts one message. Returns the number of messages in the window, with this one.
  std::uint64_t add(const Key& key, Clock::time_point now);
  /// Takes back one add(): the message was not accepted.
  void withdraw(const Key& key);
  /// Forgets signatures whose window is over, and all signatures while the budget is low, since no
  /// message is accepted then that would replace them. Call it periodically.
  void tidy(Clock::time_point now);
  /// Signatures that are remembered now.
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
      std::size_t hash = 0;  // keys are keyed digests
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };
  void forget_oldest();
  void forget_past(Clock::time_point now);
  bool charge() { return charge_.set(by_key_.size() * entry_octets); }

  /// With the nodes of the list and the table.
  static constexpr std::size_t entry_octets = sizeof(Entry) + sizeof(Key) + 12 * sizeof(void*);

  MemoryBudget& memory_;
  const std::size_t max_signatures_;
  const Clock::duration window_;
  const std::string secret_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< least recently seen first
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> by_key_;
  MemoryCharge charge_;
};

}  // namespace postern::gateway
