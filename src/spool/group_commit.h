// One thread that writes to the database: it takes all jobs that wait, runs them in one
// transaction, commits once, and only then answers each. What store::BatchWriter does for rows that
// may be lost, this does for promises: no waiting to fill a batch but for the time of a flush under
// load, and every job learns what became of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "store/database.h"

namespace postern::spool {

/// submit() and trouble() are safe from any thread. Owns the thread, not the database, which nobody
/// else uses meanwhile.
class GroupCommit {
 public:
  /// Runs on the writer's thread, perhaps more than once (when others in its transaction failed),
  /// so it starts over what it collects. An error of its own making must leave the database
  /// unchanged.
  using Write = std::function<Result<void>(store::Database&)>;
  /// Called once on the writer's thread, when the commit is on stable storage or has failed.
  /// It must not wait. Faults: `temporary` no room, `permanent` disk error, or the job's own.
  using Done = std::function<void(const Result<void>&)>;

  /// The thread has the name `thread`.
  GroupCommit(store::Database& database, const std::string& thread);
  /// Writes what was submitted, then ends the thread.
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// After stop() it is refused at once, on the caller's thread.
  void submit(Write write, Done done);
  /// Writes what was submitted, then ends the thread. May be called again.
  void stop();

  /// From now on every job fails with this: a disk that failed to keep one promise is not asked for
  /// another until the spool is opened anew, when SQLite reads what is really there. The first one
  /// stays. Set by itself when a transaction meets Fault::permanent.
  void distrust(Error error);
  std::optional<Error> trouble() const;

  /// Transactions committed, each a flush of the disk.
  std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    Write write;
    Done done;
    Result<void> result;
  };
  void run();
  void settle(std::span<Job> jobs);
  Result<void> attempt(std::span<Job> jobs);

  store::Database& database_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::vector<Job> queue_;
  std::optional<Error> trouble_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> commits_{0};
  std::thread thread_;
};

}  // namespace postern::spool
