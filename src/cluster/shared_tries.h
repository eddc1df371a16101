// Tries of a cluster: each is counted in the database, and a key that is closed is closed at all
// gateways.
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

#include "base/shared_counts.h"
#include "cluster/counting.h"
#include "cluster/late_answers.h"
#include "cluster/lossy_session.h"

namespace postern::cluster {

/// What SharedTries needs to know.
struct SharedTriesOptions {
  /// Gateways that are known to live, this one too.
  std::function<std::int64_t()> nodes;
  /// Whether this gateway deletes what is over, for all. Null: no.
  std::function<bool()> cleans = nullptr;
  /// How long a try waits for the database, before this gateway's share decides.
  std::chrono::milliseconds patience{100};
  /// How often it asks which keys other gateways have closed.
  std::chrono::milliseconds look{250};
};

/// It has two threads. While PostgreSQL is away, each gateway allows its share of a limit. The
/// tables are those of limits_schema().
class SharedTries final : public SharedCounts {
 public:
  /// `database` is borrowed.
  SharedTries(Database& database, SharedTriesOptions options);
  /// Answers those who wait.
  ~SharedTries() override;
  SharedTries(const SharedTries&) = delete;
  SharedTries& operator=(const SharedTries&) = delete;

  Answer closed(const Limit& limit, std::string_view key) override;
  void count(const Limit& limit, std::string_view key, std::function<void(Answer)> done) override;
  void take_back(const Limit& limit, std::string_view key) override;

 private:
  struct Waiter : Waiting {
    bool alone = false;  ///< whether this gateway's share allows it
  };
  using Waiters = std::deque<std::shared_ptr<Waiter>>;
  struct State {
    std::string kind, key;
    std::int64_t most = 0;
    std::chrono::milliseconds window{0}, lockout{0};
    std::int64_t counted = 0;  ///< by all gateways, as the database said last
    Clock::time_point ends{};  ///< of that window
    std::int64_t own = 0;      ///< allowed by this gateway
    Clock::time_point own_ends{};
    Waiters waiting;        ///< tries that nobody has asked for yet
    std::int64_t back = 0;  ///< tries to take back
    bool queued = false;
  };
  /// What one statement asks about a key: `step` tries more, or fewer.
  struct Question {
    std::string name;
    State limit;  ///< a copy; `waiting`: those that are asked for
    std::int64_t step = 0;
  };
  State& state_of(const Limit& limit, std::string_view key);
  void sweep();
  Answer closed(const State& state) const;
  bool allow_alone(State& state);
  void queue(const std::string& name, State& state);
  std::vector<Question> due();
  Result<net::PgsqlRows> ask(const std::vector<Question>& questions);
  void note(const net::PgsqlRows& rows, std::size_t row);
  void look();
  void clean();
  void run();

  LossySession session_;         ///< of the asking thread
  Clock::time_point look_at_{};  ///< of the asking thread
  Clock::time_point clean_at_;   ///< of the asking thread
  std::int64_t looked_ = 0;      ///< milliseconds of the database's clock, of the asking thread
  const SharedTriesOptions options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<std::string, State> states_;  ///< by kind and key
  std::deque<std::string> asking_;                 ///< names of states that are queued
  bool away_ = false;
  bool stopping_ = false;
  std::thread asker_;
  LateAnswers late_;
};

}  // namespace postern::cluster
