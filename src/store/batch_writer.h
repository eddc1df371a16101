// Writes rows that may be delayed (delivery log, traces). Callers post jobs without blocking; one
// thread writes them, many in one transaction.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/database.h"

namespace postern::store {

/// Limits of a BatchWriter.
struct BatchWriterOptions {
  std::size_t capacity = 8192;  ///< jobs waiting; post() refuses more
  std::size_t batch = 512;      ///< jobs per transaction at most
  /// A job is committed at most this long after it was posted.
  std::chrono::milliseconds interval{200};
  std::string thread = "store-write";  ///< name of the writer's thread
};

/// Owns the thread, not the database, which must outlive it. While a BatchWriter exists, nothing
/// else may use that Database object; readers open the file a second time (WAL lets them read
/// during a write). post() and flush() are safe from any thread.
class BatchWriter {
 public:
  /// Starts the thread. `last` runs as the last job of each transaction, on the thread: what the
  /// jobs counted is written once. It also runs after a job failed, and then starts afresh.
  explicit BatchWriter(Database& database, const BatchWriterOptions& options = {},
                       std::function<void(Database&)> last = nullptr);
  /// Writes everything that was posted, then joins the thread.
  ~BatchWriter();
  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;

  /// Queues `write(Database&)`, which runs on the writer's thread. Returns false and counts a drop
  /// when the queue is full. Never waits for the disk. If a batch fails, its jobs run again one by
  /// one, so a job must produce the same rows each time.
  template <class Write>
    requires std::is_invocable_v<Write&, Database&>
  bool post(Write write) {
    return enqueue(std::make_unique<JobOf<Write>>(std::move(write)));
  }

  /// Blocks until everything posted before has been committed, or has failed and been counted.
  void flush();

  /// Jobs refused by post(), since the start. Safe from any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  /// Jobs that were not committed (disk full, damaged file), since the start; their rows are lost.
  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  /// Message of the newest failure; empty: none. Safe from any thread.
  std::string last_error() const;

 private:
  struct Job {
    virtual ~Job() = default;
    virtual void run(Database& database) = 0;
  };
  template <class Write>
  struct JobOf final : Job {
    explicit JobOf(Write given) : write(std::move(given)) {}
    void run(Database& database) override { write(database); }
    Write write;
  };
  using Jobs = std::vector<std::unique_ptr<Job>>;

  bool enqueue(std::unique_ptr<Job> job);
  void run();
  Jobs take();
  void write(const Jobs& jobs);
  Result<void> commit(std::span<const std::unique_ptr<Job>> jobs);

  Database& database_;
  const BatchWriterOptions options_;
  const std::function<void(Database&)> last_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  std::deque<std::unique_ptr<Job>> queue_;
  std::chrono::steady_clock::time_point oldest_;  ///< when the queue last became non-empty
  std::uint64_t posted_ = 0;
  std::uint64_t settled_ = 0;  ///< committed or failed
  std::uint64_t wanted_ = 0;   ///< the largest `settled_` that a flush() waits for
  bool stopping_ = false;
  std::string last_error_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::thread thread_;
};

}  // namespace postern::store
