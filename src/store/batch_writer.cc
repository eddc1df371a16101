#include "store/batch_writer.h"

#include <algorithm>
#include <iterator>

#include "base/thread.h"

namespace postern::store {

BatchWriter::BatchWriter(Database& database, const BatchWriterOptions& options,
                         std::function<void(Database&)> last)
    : database_(database),
      options_(options),
      last_(std::move(last)),
      thread_(named_thread(options.thread, [this] { run(); })) {}

BatchWriter::~BatchWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
}

bool BatchWriter::enqueue(std::unique_ptr<Job> job) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= options_.capacity) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    queue_.push_back(std::move(job));
    ++posted_;
    if (queue_.size() == 1) oldest_ = std::chrono::steady_clock::now();
    // Only these two transitions concern the thread. Waking it for each job would cost one system
    // call per message.
    wake = queue_.size() == 1 || queue_.size() == options_.batch;
  }
  if (wake) work_.notify_one();
  return true;
}

void BatchWriter::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = posted_;
  if (settled_ >= ticket) return;
  wanted_ = std::max(wanted_, ticket);
  work_.notify_one();
  done_.wait(lock, [&] { return settled_ >= ticket; });
}

std::string BatchWriter::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

BatchWriter::Jobs BatchWriter::take() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
  work_.wait_until(lock, oldest_ + options_.interval, [&] {
    return stopping_ || queue_.size() >= options_.batch || wanted_ > settled_;
  });
  const auto end =
      queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.batch));
  Jobs taken(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  // What remains is about as old as what is taken, so `oldest_` stays and it is written at once.
  queue_.erase(queue_.begin(), end);
  return taken;
}

void BatchWriter::run() {
  while (true) {
    const Jobs jobs = take();
    if (jobs.empty()) return;  // only when stopping
    write(jobs);
    {
      const std::lock_guard lock(mutex_);
      settled_ += jobs.size();
    }
    done_.notify_all();
  }
}

Result<void> BatchWriter::commit(std::span<const std::unique_ptr<Job>> jobs) {
  Result<Transaction> transaction = Transaction::begin(database_);
  if (!transaction) return tl::unexpected(transaction.error());
  for (const std::unique_ptr<Job>& job : jobs) job->run(database_);
  if (last_) last_(database_);
  return transaction->commit();
}

void BatchWriter::write(const Jobs& jobs) {
  if (commit(jobs)) return;
  // One bad row must not lose the others: commit them one by one.
  for (const std::unique_ptr<Job>& job : jobs) {
    const Result<void> done = commit({&job, 1});
    if (done) continue;
    failed_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    last_error_ = done.error().message;
  }
}

}  // namespace postern::store
