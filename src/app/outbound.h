// The outbound side of a running gateway: spool, queue, couriers, and the sink that fills them.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "admin/publisher.h"
#include "app/accepted_mail.h"
#include "app/config.h"
#include "app/queue_couriers.h"
#include "app/queue_port.h"
#include "base/shared_pointer.h"
#include "net/event_loop.h"
#include "queue/runner.h"
#include "spool/sqlite_spool.h"

namespace postern::app {

class Outbound {
 public:
  /// All outlive it, and the event loops that call the sink do too.
  struct Rooms {
    deliver::WebhookDelivery& webhooks;
    policy::Directory& directory;
    spool::SqliteSpool& spool;
    policy::DkimKeyring& keys;
    dns::Resolver& resolver;
    net::WorkPool& workers;
    admin::Publisher& publisher;
  };

  static std::unique_ptr<Outbound> make(const Config& config, const std::string& data_dir,
                                        std::shared_ptr<const relay::RelayConfig> relay,
                                        Rooms rooms);
  ~Outbound();

  gateway::MessageSink& sink() { return *sink_; }
  /// What actions on the queue ask and tell. Good for as long as this is.
  QueueHooks hooks();

  /// Begins to deliver what is queued.
  void start();
  /// Messages and attempts from the next one on go by it.
  void follow(std::shared_ptr<const relay::RelayConfig> relay);
  /// Nothing new begins; attempts under way may end for `limit`. What is cut is tried again after
  /// the next start. Questions of hooks() are answered still.
  void drain(std::chrono::milliseconds limit);
  /// Ends the threads. What waits on the loop stays as it is until clear().
  void halt();
  /// Destroys what waits on the loop; nobody completes anything there any more.
  void clear() { loop_.clear(); }
  /// Dead letters whose time is over go. Blocks on the disk.
  void purge(std::chrono::system_clock::time_point now);

 private:
  Outbound(const Config& config, const std::string& data_dir, Rooms rooms);
  Task<Result<QueueHooks::Sleeping>> sleeping(std::vector<spool::Destination> destinations);
  Task<Result<queue::Told>> report(spool::Message message);
  Task<Result<std::size_t>> running();
  void measure_postmaster();
  gateway::MessageSink::QueueRun run_queue(std::string domain, spool::Destination destination);

  Rooms rooms_;
  net::WorkPool disk_;
  net::EventLoop loop_;
  std::unique_ptr<RelayCourier> relay_;
  std::unique_ptr<deliver::QueuedWebhooks> queued_;
  std::unique_ptr<FolderCourier> folders_;
  std::unique_ptr<SenderReports> reports_;
  std::unique_ptr<queue::Runner> runner_;
  PostmasterBox postmaster_;
  std::unique_ptr<AcceptedMail> sink_;
  SharedPointer<const relay::RelayConfig> config_;
  /// A folder that hangs, or a mailbox that stays locked, holds up folders alone. It is destroyed
  /// before what its jobs use.
  net::WorkPool folder_disk_;
  std::thread thread_;
  struct Flush {
    std::string domain;
    std::chrono::steady_clock::time_point begun;
  };
  std::mutex flushes_mutex_;  ///< guards the two below
  /// Destinations whose messages ETRN has made due, for which domain and when.
  std::map<spool::Destination, Flush> flushes_;
  bool flushing_ = false;  ///< it is at one
  std::atomic<bool> draining_{false};
};

/// How the queue schedules, from the configuration.
queue::RunnerOptions runner_options(const Config& config);

}  // namespace postern::app
