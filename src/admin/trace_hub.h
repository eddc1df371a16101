// Decisions on their way to who watches them: the last ones in memory, and whom to wake for the
// next.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/task.h"
#include "store/traces.h"

namespace postern::admin {

struct TraceHubOptions {
  std::size_t kept = 1000;  ///< summaries
  std::size_t streams = 512;
  std::size_t streams_per_account = 4;
  std::chrono::milliseconds keep_alive{15'000};
  /// A stream ends after this and its client comes again: then it is looked at anew whether it may.
  std::chrono::milliseconds longest{600'000};
};

/// Safe from any thread. Outlives its subscriptions.
class TraceHub {
 public:
  /// What one client reads, on one event loop. Numbers grow, without gaps, over what this client
  /// may see alone: they tell an account nothing about other accounts' mail.
  class Subscription;

  struct Event {
    std::uint64_t number = 0;
    std::shared_ptr<const store::TraceRow> row;
  };
  struct Batch {
    std::uint64_t missed = 0;     ///< in front of `events`
    bool missed_unknown = false;  ///< the gateway has started again since the client's last event
    std::vector<Event> events;
    bool empty() const { return missed == 0 && !missed_unknown && events.empty(); }
  };

  explicit TraceHub(TraceHubOptions options = {});
  ~TraceHub();
  TraceHub(const TraceHub&) = delete;
  TraceHub& operator=(const TraceHub&) = delete;

  /// Takes one lock for some moves; never waits for who listens.
  void publish(std::shared_ptr<const store::TraceRow> row);

  /// For `account`, whose rows alone it gives; `everybody`: all rows. `after`: the number it had
  /// last; without, it begins with what comes next. Null when there are too many streams.
  std::unique_ptr<Subscription> subscribe(const std::string& account, bool everybody,
                                          std::optional<std::uint64_t> after);

  const TraceHubOptions& options() const { return options_; }

 private:
  struct Kept {
    std::uint64_t number = 0;
    std::uint64_t of_account = 0;  ///< its number in its account; 0 without one
    std::shared_ptr<const store::TraceRow> row;
  };
  struct Waker;

  std::uint64_t newest(const std::optional<std::string>& account) const;

  const TraceHubOptions options_;
  /// Numbers begin beyond those of earlier lives of the gateway.
  const std::uint64_t base_;
  mutable std::mutex mutex_;
  std::uint64_t last_;
  std::deque<Kept> ring_;
  std::map<std::string, std::uint64_t> last_of_account_;
  std::set<std::shared_ptr<Waker>> wakers_;
};

class TraceHub::Subscription {
 public:
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// What has come since; waits for it until `until`, then it is empty.
  Task<Batch> next(std::chrono::steady_clock::time_point until);
  /// The number of the last event given, or of the one to begin after.
  std::uint64_t number() const { return number_; }

 private:
  friend class TraceHub;
  Subscription(TraceHub& hub, std::shared_ptr<Waker> waker, std::optional<std::string> only)
      : hub_(hub), waker_(std::move(waker)), only_(std::move(only)) {}

  /// With the hub's lock.
  Batch take();

  TraceHub& hub_;
  const std::shared_ptr<Waker> waker_;
  const std::optional<std::string> only_;  ///< the account; nullopt: everybody's
  std::uint64_t number_ = 0;
  std::uint64_t position_ = 0;  ///< Kept::number up to which all was looked at
  bool from_earlier_life_ = false;
};

}  // namespace postern::admin
