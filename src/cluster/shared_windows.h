// Limits of a cluster: counts events against shares that it draws from the database.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/shared_limits.h"
#include "cluster/counting.h"
#include "cluster/late_answers.h"
#include "cluster/lossy_session.h"
#include "cluster/schema.h"
#include "cluster/window_shares.h"

namespace postern::cluster {

/// The tables of the limits, those of SharedTries too.
const Schema& limits_schema();

/// What SharedWindows needs to know.
struct SharedWindowsOptions {
  /// The time of the database, as this gateway knows it.
  std::function<WindowShares::Time()> now;
  /// Gateways that are known to live, this one too.
  std::function<std::int64_t()> nodes;
  /// Whether this gateway deletes what is over, for all. Null: no.
  std::function<bool()> cleans = nullptr;
  /// Kinds of events for used_up().
  std::vector<std::string> watched = {};
  /// How long an event of a small limit waits for the database, before this gateway's share
  /// decides.
  std::chrono::milliseconds patience{100};
};

/// It has two threads. While PostgreSQL is away, each gateway admits its share of a limit.
class SharedWindows final : public SharedLimits {
 public:
  /// `database` is borrowed.
  SharedWindows(Database& database, SharedWindowsOptions options);
  /// Answers those who wait.
  ~SharedWindows() override;
  SharedWindows(const SharedWindows&) = delete;
  SharedWindows& operator=(const SharedWindows&) = delete;

  void take(const Limit& limit, std::string_view key, std::function<void(Answer)> done) override;
  /// Whether this gateway knows that take() would not admit an event. Of a watched kind it knows a
  /// quarter of a second later what others have used up. Never waits.
  bool used_up(const Limit& limit, std::string_view key) const;
  /// What was asked of the database since the start.
  struct Counts {
    std::uint64_t granted = 0;     ///< draws that got something
    std::uint64_t empty = 0;       ///< draws that found nothing left
    std::uint64_t failed = 0;      ///< draws without an answer
    std::uint64_t late = 0;        ///< events that waited in vain and were judged by this share
    std::uint64_t statements = 0;  ///< that made draws
  };
  Counts counts() const;

 private:
  struct Waiter : Waiting {
    WindowShares::Draw alone;  ///< for its judgement without the database
  };
  using Waiters = std::deque<std::shared_ptr<Waiter>>;
  void draw();
  bool watch(bool draws);
  void answer_alone(Waiter& waiter);
  void clean();

  LossySession session_;  ///< of the drawing thread
  const SharedWindowsOptions options_;
  Clock::time_point clean_at_;  ///< of the drawing thread
  Clock::time_point watch_at_;  ///< the same
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  WindowShares shares_;
  std::unordered_map<std::string, Waiters> waiting_;  ///< that nobody has asked for yet, by name
  Counts counts_;
  bool away_ = false;
  bool stopping_ = false;
  std::thread drawer_;
  LateAnswers late_;
};

}  // namespace postern::cluster
