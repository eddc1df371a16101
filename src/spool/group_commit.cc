#include "spool/group_commit.h"

#include <utility>

#include "base/thread.h"

namespace postern::spool {
namespace {

/// Less than the duration of a flush.
constexpr std::chrono::microseconds gather{200};
constexpr std::chrono::milliseconds gather_within{2};

}  // namespace

GroupCommit::GroupCommit(store::Database& database, const std::string& thread)
    : database_(database), thread_(named_thread(thread, [this] { run(); })) {}

GroupCommit::~GroupCommit() { stop(); }

void GroupCommit::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void GroupCommit::submit(Write write, Done done) {
  bool wake = false;
  bool refused = false;
  {
    const std::lock_guard lock(mutex_);
    refused = stopping_;
    if (!refused) {
      queue_.push_back({std::move(write), std::move(done), {}});
      wake = queue_.size() == 1;
    }
  }
  if (refused) return done(fail(Fault::temporary, "the spool is closed; try again later"));
  if (wake) work_.notify_one();
}

void GroupCommit::distrust(Error error) {
  const std::lock_guard lock(mutex_);
  if (!trouble_) trouble_ = std::move(error);
}

std::optional<Error> GroupCommit::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void GroupCommit::run() {
  using Clock = std::chrono::steady_clock;
  std::vector<Job> jobs;
  std::size_t before = 0;  ///< number of jobs in the last commit
  Clock::time_point ended;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      // Clients that were answered together come back together: a short wait lets them share a
      // flush. A single client never waits.
      if (before > 1 && queue_.size() < before && Clock::now() - ended < gather_within) {
        work_.wait_for(lock, gather, [&] { return stopping_; });
      }
      jobs.swap(queue_);
    }
    settle(jobs);
    for (Job& job : jobs) job.done(job.result);
    before = jobs.size();
    jobs.clear();
    ended = Clock::now();
  }
}

Result<void> GroupCommit::attempt(std::span<Job> jobs) {
  if (std::optional<Error> known = trouble()) return tl::unexpected(std::move(*known));
  Result<store::Transaction> transaction = store::Transaction::begin(database_);
  if (!transaction) return tl::unexpected(transaction.error());
  for (Job& job : jobs) {
    job.result = job.write(database_);
    if (database_.transaction_error()) break;
  }
  Result<void> done = transaction->commit();
  if (done) commits_.fetch_add(1, std::memory_order_relaxed);
  return done;
}

void GroupCommit::settle(std::span<Job> jobs) {
  const Result<void> done = attempt(jobs);
  if (done) return;
  const bool disk = done.error().fault == Fault::permanent;
  if (disk) distrust(done.error());
  if (disk || jobs.size() == 1) {
    for (Job& job : jobs) job.result = done;
    return;
  }
  // A bad row, or one too large for the free space, must not fail the others.
  for (Job& job : jobs) settle({&job, 1});
}

}  // namespace postern::spool
