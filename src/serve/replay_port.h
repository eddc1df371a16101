#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "admin/ports.h"
#include "cluster/shared_jobs.h"
#include "replay/replay.h"
#include "store/traces.h"

namespace postern::app {

/// POST /replay: runs replay::replay_traces() on its own thread, one at a time, in a cluster too.
/// There it shows and stops the replays of all gateways. Thread-safe.
class ReplayPort final : public admin::Replayer {
 public:
  /// Returns what decides with these lists; nullopt: with the lists in force.
  using DraftOf = std::function<replay::Draft(const std::optional<admin::Lists>& lists)>;
  /// `writer` and `resolver` outlive this object; the database at `path` exists. `resolver` answers
  /// DNS queries that records lack. `jobs`: of all gateways of a cluster; null: there are none.
  ReplayPort(store::TraceWriter& writer, std::string path, DraftOf draft_of,
             dns::Resolver& resolver, std::unique_ptr<cluster::SharedJobs> jobs = nullptr);
  /// Stops a running replay and waits for it.
  ~ReplayPort() override;

  /// Starts a replay and returns its id. Fault::conflict: one is running.
  Result<std::string> start(admin::ReplayRequest request) override;
  /// The state of a replay; nullopt: unknown id.
  std::optional<admin::ReplayState> state(const std::string& id) override;
  /// The last replays, newest first.
  std::vector<admin::ReplayState> states() override;
  /// Ends a replay early. Does not wait.
  void stop(const std::string& id) override;
  /// Ends a running replay early and prevents new ones. Does not wait.
  void close();
  /// Calls close() and waits for the running replay.
  void wait();

 private:
  void run(admin::ReplayRequest request);
  Result<boost::json::object> replay(const admin::ReplayRequest& request);
  bool note_progress(std::uint64_t done);
  void tell_end(const admin::ReplayState& state);

  store::TraceWriter& writer_;
  const std::string path_;
  const DraftOf draft_of_;
  dns::Resolver& resolver_;
  const std::unique_ptr<cluster::SharedJobs> jobs_;
  std::chrono::steady_clock::time_point told_at_;  ///< of the running replay's thread
  std::mutex mutex_;
  std::deque<admin::ReplayState> states_;  ///< newest first; only the first may be running
  std::atomic<bool> stop_{false};
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace postern::app
