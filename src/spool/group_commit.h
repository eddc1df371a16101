// A writer thread for the database. It takes all waiting jobs, runs them in one transaction,
// commits once, and only then completes each job. Unlike store::BatchWriter, which is for rows that
// may be lost, it reports the result of each job, and it waits to fill a batch only under load, for
// less than the duration of a flush.
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

/// submit(), trouble() and commits() are thread-safe. Owns the thread but not the database, which
/// must not be used otherwise meanwhile.
class GroupCommit {
 public:
  /// Runs on the writer thread, possibly more than once (when other jobs of its transaction fail),
  /// so it must reset what it collects. If it returns an error of its own, it must leave the
  /// database unchanged.
  using Write = std::function<Result<void>(store::Database&)>;
  /// Called once on the writer thread, when the commit is on stable storage or has failed. It must
  /// not block. Faults: `disk_full`, `permanent` a disk error, or the job's own.
  using Done = std::function<void(const Result<void>&)>;

  /// Starts the writer thread with the name `thread`. `database` must outlive it.
  GroupCommit(store::Database& database, const std::string& thread);
  /// As stop().
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// Queues a job. After stop() it fails with Fault::temporary at once, on the caller's thread.
  void submit(Write write, Done done);
  /// Runs the queued jobs, then ends the thread. May be called again.
  void stop();

  /// Makes every later job fail with `error`: a disk that lost a write is not trusted until the
  /// spool is opened again and SQLite reads what is stored. The first error stays. Called
  /// automatically when a transaction meets Fault::permanent.
  void distrust(Error error);
  /// The error of distrust(), if any.
  std::optional<Error> trouble() const;

  /// Number of committed transactions; each needs a flush of the disk.
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
