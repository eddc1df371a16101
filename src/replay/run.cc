#include "replay/run.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <sched.h>
#include <unistd.h>

#include "base/host_file.h"
#include "base/thread.h"
#include "policy/record.h"
#include "policy/trace.h"

namespace postern::replay {

namespace {

constexpr std::size_t batch_size = 256;
constexpr std::size_t batches_ahead = 4;  ///< for each worker

using Batch = std::vector<store::NumberedRecord>;

/// Batches between the reader and the workers.
class Queue {
 public:
  explicit Queue(std::size_t most) : most_(most) {}

  void push(Batch batch) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return waiting_.size() < most_; });
    waiting_.push_back(std::move(batch));
    work_.notify_one();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    work_.notify_all();
  }
  /// nullopt: there are no more.
  std::optional<Batch> pop() {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return std::nullopt;
    Batch batch = std::move(waiting_.front());
    waiting_.pop_front();
    room_.notify_one();
    return batch;
  }

 private:
  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable work_;
  std::deque<Batch> waiting_;
  bool closed_ = false;
};

/// Current DNS answers for one worker: each query once, within limits. Above the limits the answer
/// is a timeout, which a replay treats as unknown.
class DnsNow final : public dns::Resolver {
 public:
  DnsNow(dns::Resolver& resolver, const std::atomic<bool>* stop)
      : resolver_(resolver), stop_(stop) {}

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    const auto known = answers_.find(question);
    if (known != answers_.end()) co_return known->second;
    dns::Answer answer{.status = dns::Status::timeout, .records = {}};
    if (may_ask()) {
      const auto began = Clock::now();
      answer = co_await resolver_.lookup(question, limit);
      waited_ += Clock::now() - began;
      answers_.emplace(std::move(question), answer);
    }
    co_return answer;
  }
  std::uint64_t asked() const { return answers_.size(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t most_questions = 1000;
  static constexpr std::chrono::minutes most_wait{1};

  bool may_ask() const {
    const bool stopped = stop_ != nullptr && *stop_;
    return !stopped && answers_.size() < most_questions && waited_ < most_wait;
  }

  dns::Resolver& resolver_;
  const std::atomic<bool>* stop_;
  std::map<dns::Question, dns::Answer> answers_;
  Clock::duration waited_{0};
};

/// One thread of a replay.
class Worker {
 public:
  Worker(const TraceSource& traces, const Draft& draft, const ReplayOptions& options, Queue& queue)
      : draft_(draft),
        queue_(queue),
        in_background_(options.in_background),
        tally_(options.samples),
        dns_(options.dns_now == nullptr ? nullptr
                                        : std::make_unique<DnsNow>(*options.dns_now, options.stop)),
        source_(replay_source([&traces, &options](const std::string& id, std::uint64_t version) {
          for (const auto& policy : options.policies) {
            if (policy->id == id) return Result<std::string>(policy->definition);
          }
          return traces.definition(id, version);
        })),
        thread_(named_thread("replay-work", [this] { work(); })) {}

  Result<ReplayTally> finish() {
    thread_.join();
    if (dns_) tally_.add_dns_questions(dns_->asked());
    if (trouble_) return tl::unexpected(*trouble_);
    return std::move(tally_);
  }

 private:
  void work() {
    if (in_background_) let_mail_go_first();
    boost::asio::io_context loop(1);
    while (std::optional<Batch> batch = queue_.pop()) {
      if (trouble_) continue;  // keeps the reader from waiting for space
      boost::asio::co_spawn(loop, decide(*batch),
                            [this](std::exception_ptr error) { note(error); });
      loop.run();
      loop.restart();
    }
  }

  Task<void> decide(const Batch& batch) {
    for (const store::NumberedRecord& one : batch) {
      const Result<policy::Trace> trace = policy::read_record(one.text, source_);
      if (!trace) {
        tally_.add_unreadable(trace.error().message);
        continue;
      }
      const std::vector<Replayed> found =
          co_await replay(*trace, draft_, dns_.get(), &tally_.script_log(), DnsTrouble::lacks);
      tally_.add(one.number, *trace, found);
    }
  }

  void note(const std::exception_ptr& error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
      trouble_ = Error{Fault::bug, thrown.what()};
    }
  }

  const Draft& draft_;
  Queue& queue_;
  bool in_background_;
  ReplayTally tally_;
  std::unique_ptr<DnsNow> dns_;  ///< null: no queries
  policy::DefinitionSource source_;
  std::optional<Error> trouble_;
  std::thread thread_;  ///< last, as it uses the other members
};

}  // namespace

TraceSource source_of(store::TraceReader& traces) {
  return {
      .records = [&traces](const store::TraceSpan& span,
                           std::size_t most) { return traces.records(span, most); },
      .definition = [&traces](const std::string& id,
                              std::uint64_t version) { return traces.definition(id, version); }};
}

void let_mail_go_first() {
  // Of this thread alone. A thread that mail wakes never waits for it, as it would for one that is
  // merely nice(2).
  constexpr sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
}

Result<ReplayTally> replay_traces(const TraceSource& traces, const store::TraceSpan& span,
                                  const Draft& draft, const ReplayOptions& options,
                                  const std::function<bool(std::uint64_t done)>& progress) {
  const std::size_t cores =
      options.in_background ? 1 : std::max(1u, std::thread::hardware_concurrency());
  const std::size_t needed = static_cast<std::size_t>(span.count) / batch_size + 1;
  Queue queue(cores * batches_ahead);
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < std::min(cores, needed); ++i) {
    workers.push_back(std::make_unique<Worker>(traces, draft, options, queue));
  }
  std::optional<Error> trouble;
  store::TraceSpan left = span;
  std::uint64_t done = 0;
  while (!trouble) {
    Result<Batch> batch = traces.records(left, batch_size);
    if (!batch) {
      trouble = batch.error();
    } else if (batch->empty()) {
      break;
    } else {
      left.after = batch->back().number;
      done += batch->size();
      queue.push(std::move(*batch));
      if (!progress(done)) break;
    }
  }
  queue.close();
  ReplayTally sum(options.samples);
  for (const auto& worker : workers) {
    Result<ReplayTally> share = worker->finish();
    if (share) {
      sum.add(std::move(*share));
    } else if (!trouble) {
      trouble = share.error();
    }
  }
  if (trouble) return tl::unexpected(*trouble);
  return sum;
}

}  // namespace postern::replay
