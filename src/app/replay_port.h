#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "admin/ports.h"
#include "dialect/replay.h"
#include "store/traces.h"

namespace postern::app {

/// POST /replay: replay_traces() on a thread of its own. Safe from any thread.
class ReplayPort final : public admin::Replayer {
 public:
  /// `draft_of`: what decides with these lists, or with those that run. `writer` outlives this; the
  /// database at `path` exists.
  using DraftOf = std::function<dialect::Draft(const std::optional<admin::Lists>& lists)>;
  /// `resolver` is asked for DNS answers that records lack; it outlives this.
  ReplayPort(store::TraceWriter& writer, std::string path, DraftOf draft_of,
             dns::Resolver& resolver);
  /// Stops what runs and waits for it.
  ~ReplayPort() override;

  Result<std::string> start(admin::ReplayRequest request) override;
  std::optional<admin::ReplayState> state(const std::string& id) override;
  std::vector<admin::ReplayState> states() override;
  void stop(const std::string& id) override;
  /// What runs ends early, and nothing begins any more.
  void close();
  /// close(), and waits for the end of what runs.
  void wait();

 private:
  void run(admin::ReplayRequest request);
  Result<boost::json::object> replay(const admin::ReplayRequest& request);
  bool note_progress(std::uint64_t done);

  store::TraceWriter& writer_;
  const std::string path_;
  const DraftOf draft_of_;
  dns::Resolver& resolver_;
  std::mutex mutex_;
  std::deque<admin::ReplayState> states_;  ///< newest first; only the first may be running
  std::atomic<bool> stop_{false};
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace postern::app
