// The outbound part of a running gateway: spool, queue, couriers, and the sink that fills them.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "admin/publisher.h"
#include "base/shared_pointer.h"
#include "config/config.h"
#include "net/event_loop.h"
#include "queue/runner.h"
#include "serve/accepted_mail.h"
#include "serve/address_verifier.h"
#include "serve/delivery_agents.h"
#include "serve/queue_port.h"
#include "spool/spool.h"

namespace postern::app {

/// Owns the queue's thread and event loop. Its owner's thread calls all functions; see sink() and
/// hooks() for others.
class Outbound {
 public:
  /// What it uses. All outlive it, as do the event loops that call the sink.
  struct Rooms {
    deliver::WebhookDelivery& webhooks;  ///< calls webhooks
    policy::Directory& directory;        ///< accounts' webhooks and policies
    spool::Spool& spool;                 ///< the stored queue
    policy::DkimKeyring& keys;           ///< sign outgoing mail
    dns::Resolver& resolver;             ///< MX, address and TLSA look-ups
    net::WorkPool& workers;              ///< CPU-bound work
    admin::Publisher& publisher;         ///< disables failing webhooks
    /// Whether the rules in memory are recent enough to take mail by them; null: they always are.
    std::function<Result<void>()> rules = {};
  };

  /// Nothing runs before start(). Not null.
  static std::unique_ptr<Outbound> make(const Config& config, const std::string& data_dir,
                                        std::shared_ptr<const relay::RelayConfig> relay,
                                        Rooms rooms);
  ~Outbound();

  /// Thread-safe; lives as long as this object.
  gateway::MessageSink& sink() { return *sink_; }
  /// Thread-safe; lives as long as this object.
  AddressVerifier& addresses() { return *addresses_; }
  /// What actions on the queue ask and report; valid as long as this object. Any thread.
  QueueHooks hooks();

  /// The loop of the queue; lives as long as this object.
  boost::asio::io_context& loop() { return loop_; }
  /// Begins to deliver queued mail.
  void start();
  /// Applies to messages and delivery attempts from the next one on.
  void follow(std::shared_ptr<const relay::RelayConfig> relay);
  /// Begins nothing new; running delivery attempts may end within `limit`. Those that are cut are
  /// repeated after the next start. hooks() still works. Blocks.
  void drain(std::chrono::milliseconds limit);
  /// Ends the threads. Coroutines stay on the loop until clear().
  void halt();
  /// Destroys the coroutines on the loop; no other thread may post to it any more.
  void clear() { loop_.clear(); }
  /// Removes expired dead letters. Blocks on the disk.
  void purge(std::chrono::system_clock::time_point now);

 private:
  Outbound(const Config& config, const std::string& data_dir, Rooms rooms);
  Task<Result<QueueHooks::Sleeping>> sleeping(std::vector<spool::Destination> destinations);
  Task<Result<queue::Told>> report(spool::Message message);
  Task<Result<std::size_t>> running();
  void measure_postmaster();
  gateway::MessageSink::QueueRun run_queue(std::string domain, spool::Destination destination);
  Task<void> flush_waiting();

  Rooms rooms_;
  net::WorkPool disk_;
  net::EventLoop loop_;
  std::unique_ptr<RelayAgent> relay_;
  std::unique_ptr<AddressVerifier> addresses_;
  std::unique_ptr<deliver::QueuedWebhooks> queued_;
  std::unique_ptr<FolderAgent> folders_;
  std::unique_ptr<SenderReports> reports_;
  std::unique_ptr<queue::Runner> runner_;
  PostmasterBox postmaster_;
  std::unique_ptr<AcceptedMail> sink_;
  SharedPointer<const relay::RelayConfig> config_;
  /// Separate, as a slow mailbox directory or a locked mbox must delay only its own kind. Destroyed
  /// before what its jobs use.
  net::WorkPool folder_disk_;
  std::thread thread_;
  struct Flush {
    std::vector<std::string> domains;
    std::chrono::steady_clock::time_point begun;  ///< of the first one
  };
  std::mutex flushes_mutex_;  ///< guards the next three members
  /// Destinations whose messages ETRN made due, with the domains that were named.
  std::map<spool::Destination, Flush> flushes_;
  std::deque<std::pair<spool::Destination, std::string>> waiting_;  ///< flushes to come
  bool flushing_ = false;                                           ///< a flush is running
  std::atomic<bool> draining_{false};
};

/// The queue's schedule, from the configuration.
queue::RunnerOptions runner_options(const Config& config);

}  // namespace postern::app
