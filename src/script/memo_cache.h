// What memoized functions returned, and what is being computed.
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

/// What a memoized function returned: data with typed keys, or a value of a class of the host's.
struct MemoValue {
  json::value data;
  const SharedClass* of = nullptr;   ///< null: data
  std::shared_ptr<void> object;      ///< never changed; scripts get copies
  std::vector<std::string> secrets;  ///< of the call that computed it, where it holds any
};

/// One computation, and who waits for it on other coroutines and threads. Thread-safe.
class Flight {
 public:
  /// How it ended; of nothing: its call was stopped, and whoever waits may try it himself.
  struct End {
    std::optional<MemoValue> value;
    std::shared_ptr<const Thrown> thrown;  ///< an error of the host's own
    std::string trouble;                   ///< another error
    bool failed() const { return !value && (thrown != nullptr || !trouble.empty()); }
  };

  explicit Flight(const Call& leader) : leader_(&leader) {}
  /// Notes that `call` waits for it, until stop_waiting(). False, and nothing is noted: its leader
  /// is `call`, or waits in turn, perhaps by way of others, for what `call` leads, and both would
  /// wait for ever.
  static bool begin_to_wait(const Call& call, const std::shared_ptr<Flight>& flight);
  static void stop_waiting(const Call& call);
  /// The first end counts.
  void land(End end);
  /// Null while it is not over.
  const End* end() const;
  /// Returns when it is over, or at `deadline`.
  static Task<void> wait(std::shared_ptr<Flight> flight, Clock::time_point deadline);

 private:
  const Call* leader_;  ///< compared, never used
  mutable std::mutex mutex_;
  std::optional<End> end_;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;
};

/// The results of one memoized function. Thread-safe.
class Memos::Cache {
 public:
  explicit Cache(const Options& options) : options_(options) {}
  const Options& options() const { return options_; }

  /// What is known of a key: a value, a computation to wait for, or one to do now.
  struct Found {
    std::optional<MemoValue> value;
    std::shared_ptr<Flight> flight;
    bool leads = false;
  };
  Found find(const std::string& key, const Call& call);
  /// The end of the computation that find() handed out; a second end changes nothing.
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
  std::list<std::string> recent_;  ///< the one used last in front
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
};

/// What stands for arguments in a cache: a keyed hash, so that neither memory nor a dump of it
/// tells what was asked.
std::string memo_key(const json::value& arguments);

}  // namespace postern::script
