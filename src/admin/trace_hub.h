// Sends decisions to the clients that watch them: keeps the newest ones in memory and wakes the
// clients.
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

/// Limits of a TraceHub.
struct TraceHubOptions {
  std::size_t kept = 1000;                       ///< summaries in memory
  std::size_t streams = 512;                     ///< concurrent streams
  std::size_t streams_per_account = 4;           ///< concurrent streams per account
  std::chrono::milliseconds keep_alive{15'000};  ///< longest silence of a stream
  /// Longest duration of a stream. Its client then connects again, and its access is checked again.
  std::chrono::milliseconds longest{600'000};
};

/// Safe from any thread. Must outlive its subscriptions.
class TraceHub {
 public:
  /// The events for one client, on one event loop. Each client's events are numbered without gaps,
  /// so the numbers reveal nothing about other accounts' mail.
  class Subscription;

  /// A decision.
  struct Event {
    std::uint64_t number = 0;                    ///< increasing, without gaps for this client
    std::shared_ptr<const store::TraceRow> row;  ///< not null
  };
  /// New events.
  struct Batch {
    std::uint64_t missed = 0;     ///< events lost before `events`
    bool missed_unknown = false;  ///< the gateway was restarted after the client's last event
    std::vector<Event> events;    ///< in the order of decisions
    /// Whether there is nothing to tell.
    bool empty() const { return missed == 0 && !missed_unknown && events.empty(); }
  };

  /// No events yet.
  explicit TraceHub(TraceHubOptions options = {});
  ~TraceHub();
  TraceHub(const TraceHub&) = delete;
  TraceHub& operator=(const TraceHub&) = delete;

  /// Adds an event and wakes its readers. Holds a lock briefly; never waits for readers.
  void publish(std::shared_ptr<const store::TraceRow> row);

  /// Subscribes for `account` to its own rows, or with `everybody` to all rows. `after`: the number
  /// of the client's last event; nullopt: new events only. Null: too many streams.
  std::unique_ptr<Subscription> subscribe(const std::string& account, bool everybody,
                                          std::optional<std::uint64_t> after);

  /// As given.
  const TraceHubOptions& options() const { return options_; }

 private:
  struct Kept {
    std::uint64_t number = 0;
    std::uint64_t of_account = 0;  ///< number within its account; 0: no account
    std::shared_ptr<const store::TraceRow> row;
  };
  struct Waker;

  std::uint64_t newest(const std::optional<std::string>& account) const;

  const TraceHubOptions options_;
  /// Numbers begin after those of earlier runs of the gateway.
  const std::uint64_t base_;
  mutable std::mutex mutex_;
  std::uint64_t last_;
  std::deque<Kept> ring_;
  std::map<std::string, std::uint64_t> last_of_account_;
  std::set<std::shared_ptr<Waker>> wakers_;
};

/// See above. The destructor ends it.
class TraceHub::Subscription {
 public:
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// Returns the new events; if there are none, waits for some until `until`.
  Task<Batch> next(std::chrono::steady_clock::time_point until);
  /// The number of the last event returned, or of the one to begin after.
  std::uint64_t number() const { return number_; }

 private:
  friend class TraceHub;
  Subscription(TraceHub& hub, std::shared_ptr<Waker> waker, std::optional<std::string> only)
      : hub_(hub), waker_(std::move(waker)), only_(std::move(only)) {}

  /// With the hub's lock held.
  Batch take();

  TraceHub& hub_;
  const std::shared_ptr<Waker> waker_;
  const std::optional<std::string> only_;  ///< the account; nullopt: all rows
  std::uint64_t number_ = 0;
  std::uint64_t position_ = 0;  ///< Kept::number up to which rows were examined
  bool from_earlier_life_ = false;
};

}  // namespace postern::admin
