// Follows the edits of all gateways of a cluster: reads the log of changes and has each applied, in
// the order of their numbers, own ones too.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "store/store.h"

namespace postern::admin {

/// It has a thread of its own, on which it calls the functions that it was given.
class Follower {
 public:
  /// Where it reads, and what it does with what it reads.
  struct Hooks {
    /// As Store::changes().
    std::function<Result<std::vector<store::Change>>(std::uint64_t after, std::size_t limit)> read;
    /// Applies a change; an error: it is tried again. A change may be applied twice.
    std::function<Result<void>(const store::Change& change)> apply;
    /// Everything up to this number is applied. Called when it has risen, and again after an error;
    /// null: nothing.
    std::function<Result<void>(std::uint64_t number)> applied = nullptr;
    /// Waits until the log may have grown, at most for so long; null: it waits for so long.
    std::function<void(std::chrono::milliseconds longest)> wait = nullptr;
    /// The log does not go on where this process has come to: its memory must be made anew. Called
    /// once; nothing is applied after it.
    std::function<void()> lost;
  };

  /// Applies the changes that follow `after`; `pause` between two readings.
  Follower(std::uint64_t after, Hooks hooks,
           std::chrono::milliseconds pause = std::chrono::milliseconds(50));
  /// As stop().
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// Ends its thread: nothing is applied any more. May be called again.
  void stop();
  /// The number of the last change that was applied. Safe from any thread, as the next one.
  std::uint64_t applied() const { return applied_; }
  /// How old the newest state of the log is that was read and applied whole. A pause at most where
  /// all is well; it also grows while a reading does not come to its end.
  std::chrono::milliseconds behind() const;

 private:
  void run();
  Result<void> step();

  const Hooks hooks_;
  const std::chrono::milliseconds pause_;
  std::atomic<std::uint64_t> applied_;
  std::uint64_t noted_ = ~std::uint64_t{0};  ///< by Hooks::applied; first of all where it begins
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point good_ = std::chrono::steady_clock::now();
  bool works_ = true;
  std::thread thread_;
};

}  // namespace postern::admin
