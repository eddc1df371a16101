// Threads that commit jobs in batches, each with a session of its own, and repeat what ended
// unknown.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/thread.h"
#include "cluster/database.h"
#include "net/socket_wait.h"

namespace postern::spool {

/// How large a batch may become, how many threads write, and how long a job may wait.
struct PgsqlWriterOptions {
  std::string thread;                          ///< name of the threads
  unsigned threads = 1;                        ///< each with a session
  std::size_t jobs = 64;                       ///< in one transaction
  std::uint64_t octets = 4 << 20;              ///< the same; a larger job is alone
  std::chrono::milliseconds patience{60'000};  ///< after which a job fails
  bool plans_each = false;                     ///< the plan of a statement is made for its batch
};

/// submit() is thread-safe. What is submitted is done once, at the latest after the patience, in
/// which the time does not count for which the process stood still. A
/// commit whose end is unknown is made again, so a job's statements must be such that the second
/// time changes nothing, and writes something: only a commit that writes waits for a standby.
template <class Job>
class PgsqlWriter {
 public:
  /// Commits the jobs in one transaction. `again`: an earlier end was unknown.
  using Commit = std::function<net::PgsqlOutcome(net::PgsqlSession&, std::span<Job>, bool again)>;
  /// Completes a job, with the error that ended it. Called once, on a thread of the writer.
  using Done = std::function<void(Job&, const Result<void>&)>;

  PgsqlWriter(cluster::Database& database, PgsqlWriterOptions options, Commit commit, Done done)
      : database_(database),
        options_(std::move(options)),
        commit_(std::move(commit)),
        done_(std::move(done)) {
    for (unsigned i = 0; i < options_.threads; ++i) {
      threads_.push_back(
          named_thread(options_.thread + "-" + std::to_string(i), [this] { run(); }));
    }
  }
  ~PgsqlWriter() { stop(); }
  PgsqlWriter(const PgsqlWriter&) = delete;
  PgsqlWriter& operator=(const PgsqlWriter&) = delete;

  /// Queues a job of so many octets. After stop() it fails at once, on the caller's thread.
  void submit(Job job, std::uint64_t octets = 0) {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        queue_.push_back({std::move(job), octets, Clock::now() + options_.patience});
        work_.notify_one();
        return;
      }
    }
    done_(job, fail(Fault::temporary, "the spool is closed; try again later"));
  }

  /// Commits what is queued, then ends the threads. While PostgreSQL is away, what is queued fails
  /// at once. May be called again.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  /// Committed transactions.
  std::uint64_t commits() const {
    const std::lock_guard lock(mutex_);
    return commits_;
  }
  /// Transactions whose end was unknown.
  std::uint64_t unknown() const {
    const std::lock_guard lock(mutex_);
    return unknown_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Job job;
    std::uint64_t octets = 0;
    Clock::time_point until;
  };

  void run() {
    std::unique_ptr<net::PgsqlSession> session;
    for (;;) {
      std::vector<Job> jobs;
      Clock::time_point until;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        until = queue_.front().until;
        std::uint64_t octets = 0;
        while (!queue_.empty() && jobs.size() < options_.jobs &&
               (jobs.empty() || octets + queue_.front().octets <= options_.octets)) {
          octets += queue_.front().octets;
          jobs.push_back(std::move(queue_.front().job));
          queue_.pop_front();
        }
      }
      settle(session, jobs, until);
    }
  }

  /// A plan that is kept is for ever the one for tables as small as they were: it reads all that is
  /// queued where it should look up some keys. And what is queued is in memory, so a look-up costs
  /// little. A server that refuses this says so at the next statement, or has slower plans.
  static void plan_each_batch(net::PgsqlSession& session) {
    (void)session.run({.sql = "SELECT set_config('plan_cache_mode', 'force_custom_plan', false), "
                              "set_config('random_page_cost', '1.1', false)",
                       .values = {}},
                      Clock::now() + cluster::answer_limit);
  }

  /// Whether there was time to wait before the next try.
  bool pause(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    if (stopping_ || Clock::now() >= until) return false;
    work_.wait_for(lock, std::chrono::milliseconds(200), [this] { return stopping_; });
    return true;
  }

  bool stops_without_server() const {
    const std::lock_guard lock(mutex_);
    return stopping_ && absent_;
  }
  void note_unknown() {
    const std::lock_guard lock(mutex_);
    unknown_ += 1;
  }
  void note_absence() {
    const std::lock_guard lock(mutex_);
    absent_ = stopping_;
  }

  void settle(std::unique_ptr<net::PgsqlSession>& session, std::span<Job> jobs,
              Clock::time_point until, bool again = false) {
    const auto before = net::stood_still();
    Error error;
    do {
      if (!session || !session->usable()) {
        // At the end nobody waits for a server that has just not answered.
        if (stops_without_server()) {
          error = {Fault::unreachable, "the spool is closed while PostgreSQL is away"};
          break;
        }
        auto connected = database_.connect();
        if (!connected) {
          session.reset();
          error = connected.error();
          note_absence();
          continue;
        }
        session = std::move(*connected);
        if (options_.plans_each) plan_each_batch(*session);
      }
      const net::PgsqlOutcome outcome = commit_(*session, jobs, again);
      if (outcome.end == net::PgsqlEnd::committed) {
        {
          const std::lock_guard lock(mutex_);
          commits_ += 1;
        }
        for (Job& job : jobs) done_(job, {});
        return;
      }
      error = {Fault::unreachable, "PostgreSQL: " + outcome.failure.message};
      const std::string& state = outcome.failure.state;
      // An error of the data stays when it is tried again. Everything else may pass: a lost part
      // (22012), a deadlock, a host that became a standby, rights that somebody takes and gives.
      const bool is_of_data = outcome.end == net::PgsqlEnd::refused && state != "22012" &&
                              (state.starts_with("22") || state.starts_with("23"));
      if (outcome.end == net::PgsqlEnd::refused && !state.starts_with("22") &&
          !state.starts_with("40")) {
        session.reset();  // another host may be the right one
      }
      again = again || outcome.end == net::PgsqlEnd::unknown;
      if (outcome.end == net::PgsqlEnd::unknown) note_unknown();
      if (!is_of_data) continue;
      error.fault = Fault::permanent;
      if (jobs.size() == 1) break;
      for (Job& job : jobs) settle(session, {&job, 1}, until, again);
      return;
      // Nobody could do anything while the process stood still.
    } while (pause(until + (net::stood_still() - before)));
    for (Job& job : jobs) done_(job, tl::unexpected(error));
  }

  cluster::Database& database_;
  const PgsqlWriterOptions options_;
  const Commit commit_;
  const Done done_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  bool absent_ = false;  ///< since stop() a connection failed
  std::uint64_t commits_ = 0;
  std::uint64_t unknown_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace postern::spool
