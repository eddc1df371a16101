// Rows that may wait a moment (delivery log, traces): posted without blocking, written by one
// thread, many in one transaction.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
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

struct BatchWriterOptions {
  std::size_t capacity = 8192;  ///< jobs waiting; beyond it post() refuses
  std::size_t batch = 512;      ///< jobs a transaction at most
  std::chrono::milliseconds interval{
      200};                            ///< a job is committed this long after its post at latest
  std::string thread = "store-write";  ///< its name
};

/// Owns the thread, not the database; nobody else uses that Database object meanwhile (readers open
/// the file a second time: WAL lets them read while this writes). post() and flush() are safe from
/// any thread.
class BatchWriter {
 public:
  explicit BatchWriter(Database& database, const BatchWriterOptions& options = {});
  /// Writes everything posted, then ends the thread.
  ~BatchWriter();
  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;

  /// Queues `write(Database&)`; false, and counted, when the queue is full. Never waits for the
  /// disk. When a batch fails its jobs run again one by one, so a job must give the same rows each
  /// time.
  template <class Write>
    requires std::is_invocable_v<Write&, Database&>
  bool post(Write write) {
    return enqueue(std::make_unique<JobOf<Write>>(std::move(write)));
  }

  /// Waits until everything posted before is committed, or has failed and been counted.
  void flush();

  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  /// Jobs whose statements failed (disk full, damaged file); their rows are lost.
  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
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
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  std::deque<std::unique_ptr<Job>> queue_;
  std::chrono::steady_clock::time_point oldest_;  ///< when the queue stopped being empty
  std::uint64_t posted_ = 0;
  std::uint64_t settled_ = 0;  ///< committed or failed
  std::uint64_t wanted_ = 0;   ///< somebody waits in flush() until `settled_` reaches this
  bool stopping_ = false;
  std::string last_error_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::thread thread_;
};

}  // namespace postern::store
