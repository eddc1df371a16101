// The results of memoized functions, and the computations that are running.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/json/value.hpp>

#include "script/memoize.h"

namespace postern::script {

/// A result of a memoized function: data with typed keys, or a value of a host class.
struct MemoValue {
  /// Data with typed keys.
  json::value data;
  const SharedClass* of = nullptr;   ///< null: data
  std::shared_ptr<void> object;      ///< immutable; scripts get copies
  std::vector<std::string> secrets;  ///< secrets in the value, of the call that computed it
};

/// One running computation, for which other coroutines and threads may wait. Thread-safe.
class Flight {
 public:
  /// Its end. Empty: its call was stopped, and each waiting call may compute for itself.
  struct End {
    std::optional<MemoValue> value;        ///< the result
    std::shared_ptr<const Thrown> thrown;  ///< a host error value
    std::string trouble;                   ///< the text of another error
    /// Whether it ended with an error.
    bool failed() const { return !value && (thrown != nullptr || !trouble.empty()); }
  };

  /// `leader`: the call that computes; only its address is used.
  explicit Flight(const Call& leader) : leader_(&leader) {}
  /// Registers that `call` waits, until stop_waiting(). False, without registering, if waiting
  /// would be a deadlock: `call` is the leader, or the leader waits, directly or through others,
  /// for a computation that `call` leads.
  static bool begin_to_wait(const Call& call, const std::shared_ptr<Flight>& flight);
  /// Ends begin_to_wait().
  static void stop_waiting(const Call& call);
  /// Ends the computation and resumes those that wait. Only the first call has an effect.
  void land(End end);
  /// Null while it runs.
  const End* end() const;
  /// Returns when it has ended, or at `deadline`.
  static Task<void> wait(std::shared_ptr<Flight> flight, Clock::time_point deadline);

 private:
  const Call* leader_;  ///< only compared
  mutable std::mutex mutex_;
  std::optional<End> end_;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;
};

/// The results of one memoized function, by key. Least recently used results are evicted.
/// Thread-safe.
class Memos::Cache {
 public:
  /// An empty cache.
  explicit Cache(const Options& options) : options_(options) {}
  /// As given to the constructor.
  const Options& options() const { return options_; }

  /// The state of a key: a value, or a computation to wait for, or (`leads`) one that the caller
  /// must do.
  struct Found {
    std::optional<MemoValue> value;  ///< a result that is still valid
    std::shared_ptr<Flight> flight;  ///< not null without a value
    bool leads = false;              ///< the caller computes and must call end()
  };
  /// The state of `key`; begins a computation led by `call` if there is none.
  Found find(const std::string& key, const Call& call);
  /// Ends a computation that find() returned, and keeps its value. Only the first call has an
  /// effect.
  void end(const std::string& key, const std::shared_ptr<Flight>& flight, Flight::End end);

 private:
  struct Entry {
    MemoValue value;
    Clock::time_point until;
    std::list<std::string>::iterator place;
  };

  void keep(const std::string& key, const MemoValue& value);

  const Options options_;
  std::mutex mutex_;
  std::list<std::string> recent_;  ///< most recently used first
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
};

/// The cache key of arguments: a keyed hash, so that neither memory nor a core dump shows them.
std::string memo_key(const json::value& arguments);

}  // namespace postern::script
