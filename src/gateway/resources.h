#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace postern::gateway {

/// Memory of message bodies over all sessions, and room on the disk. Thread-safe.
class Resources {
 public:
  /// `memory` octets of bodies in memory; new transactions are refused from 80 % on.
  /// `directory` is on the file system whose free space counts.
  Resources(std::uint64_t memory, std::string directory);

  void take(std::uint64_t octets) { used_.fetch_add(octets, std::memory_order_relaxed); }
  void give_back(std::uint64_t octets) { used_.fetch_sub(octets, std::memory_order_relaxed); }

  enum class Shortage { none, memory, disk };
  /// Whether a new transaction may begin. The disk is looked at once a second at most.
  Shortage shortage();

  /// Free octets below which no message is begun: 256 MiB, or 5 % of a smaller disk.
  static std::uint64_t disk_floor(std::uint64_t disk_size);

 private:
  const std::uint64_t memory_;
  const std::string directory_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::int64_t> looked_{0};
  std::atomic<bool> disk_low_{false};
};

}  // namespace postern::gateway
