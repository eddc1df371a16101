#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/ip.h"
#include "base/memory_budget.h"
#include "gateway/work_places.h"

namespace postern::gateway {

/// Free memory for all sessions, free disk space, and descriptors for what is in work. Thread-safe.
class Resources {
 public:
  /// New transactions are refused while `memory` is low; it outlives this object. The free space is
  /// that of the file system of `directory`. `work`: see WorkPlaces.
  Resources(MemoryBudget& memory, std::string directory,
            std::uint64_t work = WorkPlaces::unlimited);

  /// The budget that all sessions charge.
  MemoryBudget& memory() { return memory_; }
  /// Places for commands and messages in work.
  WorkPlaces& work() { return work_; }

  /// What is used up.
  enum class Shortage { none, memory, disk, descriptors };
  /// Checks memory at each call, the disk at most once a second.
  Shortage shortage();
  /// Why no new transaction of the client may begin; none: it may. Logs each change of what is used
  /// up.
  Shortage hindrance(const IpAddress& client);
  /// Transactions refused for lack of memory since the start.
  std::uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

  /// The free octets below which no message is accepted: 256 MiB, or 5 % of a smaller disk.
  static std::uint64_t disk_floor(std::uint64_t disk_size);

 private:
  MemoryBudget& memory_;
  const std::string directory_;
  WorkPlaces work_;
  std::atomic<std::int64_t> looked_{0};
  std::atomic<bool> disk_low_{false};
  std::atomic<std::uint64_t> refusals_{0};
  std::atomic<Shortage> said_{Shortage::none};
};

}  // namespace postern::gateway
