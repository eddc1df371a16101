// What delivery attempts remember for later attempts. Kept in memory only; lost at a restart.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>

namespace postern::relay {

/// A moment on the monotonic clock.
using MemoryTime = std::chrono::steady_clock::time_point;

/// Facts with an expiry time, such as "this host fails at TLS". Bounded: at the limit, expired
/// facts are dropped, or all facts when none has expired. Not thread-safe.
class Memory {
 public:
  /// `most`: number of facts.
  explicit Memory(std::size_t most = 10'000) : most_(most) {}

  /// Remembers the fact `what` for `how_long`.
  void note(const std::string& what, std::chrono::steady_clock::duration how_long, MemoryTime now) {
    if (until_.size() >= most_) {
      std::erase_if(until_, [&](const auto& each) { return each.second <= now; });
      if (until_.size() >= most_) until_.clear();
    }
    until_[what] = now + how_long;
  }
  /// Whether the fact is known and has not expired.
  bool knows(const std::string& what, MemoryTime now) const {
    if (until_.empty()) return false;
    const auto at = until_.find(what);
    return at != until_.end() && at->second > now;
  }

 private:
  std::size_t most_;
  std::unordered_map<std::string, MemoryTime> until_;
};

/// Whether one address family works on this host. When the network was unreachable
/// for three hosts within five minutes, the family is paused for fifteen minutes. Not thread-safe.
class FamilyHealth {
 public:
  /// Notes that the network of `host` was unreachable.
  void unreachable(const std::string& host, MemoryTime now) {
    std::erase_if(failures_, [&](const auto& each) { return each.second + memory <= now; });
    failures_[host] = now;
    if (failures_.size() < enough) return;
    failures_.clear();
    paused_until_ = now + pause;
  }
  /// Whether addresses of this family should be tried last.
  bool paused(MemoryTime now) const { return now < paused_until_; }

 private:
  static constexpr std::chrono::minutes memory{5};
  static constexpr std::chrono::minutes pause{15};
  static constexpr std::size_t enough = 3;
  std::map<std::string, MemoryTime> failures_;
  MemoryTime paused_until_;
};

}  // namespace postern::relay
