// What attempts remember for those that follow. In memory only: a restart learns it again.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>

namespace postern::relay {

using MemoryTime = std::chrono::steady_clock::time_point;

/// Facts that hold for a while, such as "this host fails at TLS". Bounded: when there are too many
/// the old ones go, and if none is old all of them.
class Memory {
 public:
  explicit Memory(std::size_t most = 10'000) : most_(most) {}

  void note(const std::string& what, std::chrono::steady_clock::duration how_long, MemoryTime now) {
    if (until_.size() >= most_) {
      std::erase_if(until_, [&](const auto& each) { return each.second <= now; });
      if (until_.size() >= most_) until_.clear();
    }
    until_[what] = now + how_long;
  }
  bool knows(const std::string& what, MemoryTime now) const {
    if (until_.empty()) return false;
    const auto at = until_.find(what);
    return at != until_.end() && at->second > now;
  }

 private:
  std::size_t most_;
  std::unordered_map<std::string, MemoryTime> until_;
};

/// Whether addresses of one family can be reached from here at all (relay rule R13): when the
/// network was unreachable for three hosts in five minutes, not for fifteen.
class FamilyHealth {
 public:
  void unreachable(const std::string& host, MemoryTime now) {
    std::erase_if(failures_, [&](const auto& each) { return each.second + memory <= now; });
    failures_[host] = now;
    if (failures_.size() < enough) return;
    failures_.clear();
    paused_until_ = now + pause;
  }
  bool paused(MemoryTime now) const { return now < paused_until_; }

 private:
  static constexpr std::chrono::minutes memory{5};
  static constexpr std::chrono::minutes pause{15};
  static constexpr std::size_t enough = 3;
  std::map<std::string, MemoryTime> failures_;
  MemoryTime paused_until_;
};

}  // namespace postern::relay
