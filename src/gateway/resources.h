#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/memory_budget.h"

namespace postern::gateway {

/// The memory that peers may use over all sessions, and room on the disk. Thread-safe.
class Resources {
 public:
  /// New transactions are refused while `memory`, which outlives this, is low. `directory` is on
  /// the file system whose free space counts.
  Resources(MemoryBudget& memory, std::string directory);

  MemoryBudget& memory() { return memory_; }

  enum class Shortage { none, memory, disk };
  /// The disk is looked at once a second at most.
  Shortage shortage();
  /// Whether a new transaction may begin. The log has each change.
  bool may_begin();
  /// Transactions that were not begun for want of memory.
  std::uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

  /// Free octets below which no message is begun: 256 MiB, or 5 % of a smaller disk.
  static std::uint64_t disk_floor(std::uint64_t disk_size);

 private:
  MemoryBudget& memory_;
  const std::string directory_;
  std::atomic<std::int64_t> looked_{0};
  std::atomic<bool> disk_low_{false};
  std::atomic<std::uint64_t> refusals_{0};
  std::atomic<Shortage> said_{Shortage::none};
};

}  // namespace postern::gateway
