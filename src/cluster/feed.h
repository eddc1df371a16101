// What each gateway of a cluster tells the others of its decisions: pieces of octets in the
// database, in the order of each gateway. A failover may lose the newest.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/lossy_session.h"
#include "cluster/schema.h"

namespace postern::cluster {

/// The tables of the feeds.
const Schema& feed_schema();

/// What waits to be told. Thread-safe.
class FeedOutbox {
 public:
  /// `most`: octets that may wait.
  explicit FeedOutbox(std::uint64_t most = std::uint64_t{64} << 20) : most_(most) {}

  /// Queues an item without waiting. False: there is no room, and the others will not hear of it.
  bool put(std::string item);
  /// The oldest items: one, and more of them up to `octets`.
  std::vector<std::string> take(std::uint64_t octets);
  /// Items that put() refused, since the start.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t most_;
  std::mutex mutex_;
  std::deque<std::string> items_;
  std::uint64_t waiting_ = 0;  ///< octets
  std::atomic<std::uint64_t> dropped_{0};
};

/// A feed's two ends.
struct FeedOptions {
  std::string kind;  ///< of the items; a word that all gateways use
  std::string node;  ///< this gateway's name
  /// Makes the octets of a piece of what this gateway tells.
  std::function<std::string(const std::vector<std::string>&)> pack;
  /// Takes a piece of another gateway. False: it cannot now, and is given the same piece again.
  std::function<bool(const std::string& node, std::int64_t number, const std::string& octets)> take;
  /// The numbers of the newest pieces that were taken, by gateway.
  std::map<std::string, std::int64_t> taken = {};
  /// Whether this gateway deletes old pieces, for all. Null: no.
  std::function<bool()> cleans = nullptr;
  int keep_days = 7;                                  ///< whole days that pieces are kept
  std::uint64_t max_octets = std::uint64_t{4} << 30;  ///< of all pieces; older days go first
};

/// Tells and hears, on a thread of its own. While PostgreSQL is away, what is told waits in the
/// outbox.
class Feed {
 public:
  /// `database` and `outbox` are borrowed.
  Feed(Database& database, FeedOutbox& outbox, FeedOptions options);
  /// Tells what waits, if the database answers.
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

 private:
  void run();
  void prepare();
  bool tell();
  bool hear();

  FeedOutbox& outbox_;
  const FeedOptions options_;
  LossySession session_;  ///< of the thread, as all up to `mutex_`
  std::map<std::string, std::int64_t> taken_;
  std::string untold_;  ///< a piece that is not known to be in the database; empty: none
  Clock::time_point prepare_at_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  ///< last
};

}  // namespace postern::cluster
