// One running gateway: the objects of all rooms, in the order of their dependencies.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "admin/api.h"
#include "admin/follower.h"
#include "admin/publisher.h"
#include "admin/running_lists.h"
#include "admin/trace_hub.h"
#include "base/memory_budget.h"
#include "base/shared_pointer.h"
#include "cluster/applied.h"
#include "cluster/node.h"
#include "cluster/shared_tries.h"
#include "cluster/shared_windows.h"
#include "config/config.h"
#include "config/exit_code.h"
#include "config/input_file.h"
#include "config/script_runtime.h"
#include "config/script_world.h"
#include "dns/caching_resolver.h"
#include "gateway/policies_verifier.h"
#include "gateway/server.h"
#include "net/event_loop.h"
#include "net/http_server.h"
#include "net/unbound_resolver.h"
#include "serve/adapters.h"
#include "serve/attachment_files.h"
#include "serve/cluster_attachments.h"
#include "serve/cluster_feeds.h"
#include "serve/control_file.h"
#include "serve/data_lock.h"
#include "serve/guardrail_desk.h"
#include "serve/live_answers.h"
#include "serve/metered_resolver.h"
#include "serve/outbound.h"
#include "serve/plan_desk.h"
#include "serve/queue_port.h"
#include "serve/reload_desk.h"
#include "serve/replay_port.h"
#include "serve/service_manager.h"
#include "serve/start_error.h"
#include "serve/test_mail.h"
#include "serve/trace_port.h"
#include "serve/trace_rerun.h"
#include "spool/inbox.h"
#include "spool/spool.h"
#include "store/sql_store.h"

namespace postern::app {

/// Whether inboxes react to test addresses.
enum class TestRecipients { off, on };

/// Started by start(), ended by stop(). Its owner's thread calls all functions.
class Instance {
 public:
  /// Success, or why the gateway did not start.
  using Started = tl::expected<void, StartError>;
  /// Opens the data directory, databases, certificates and addresses; after an error everything is
  /// closed again. `test_recipients`: inboxes react to tags in addresses (docs/delivery.md).
  /// Blocks.
  /// `sockets`: of listeners with `systemd:NAME`, whose addresses `config` has (take_addresses()).
  /// `before_traffic` is called once everything is open, before the first octet of a client is
  /// read; its error ends the start.
  static tl::expected<std::unique_ptr<Instance>, StartError> start(
      const Config& config, TestRecipients test_recipients = TestRecipients::off,
      std::vector<PassedSocket> sockets = {}, const std::function<Started()>& before_traffic = {});
  /// Calls stop() if it was not called.
  ~Instance();

  /// The configuration with the ports that were opened.
  const Config& config() const { return config_; }
  /// Open SMTP sessions.
  std::size_t sessions() const { return server_ ? server_->sessions() : 0; }
  /// Whether the process should be started again after its end: in the cluster another one has
  /// taken its name, or what it knows has to be read anew.
  bool wants_restart() const { return begins_anew_ || (node_ && node_->is_replaced()); }
  /// Whether this gateway does what one does for all of its cluster; without one it always does.
  bool leads() const { return !node_ || node_->leads(); }
  /// State of DNSSEC validation.
  net::DnssecState dnssec() const { return name_servers_->dnssec(); }
  /// The control database.
  store::Store& store() { return *store_; }
  /// Which parts of the sandbox are in force, in words; for `postern doctor`.
  void note_sandbox(std::string words) {
    sandbox_.store(std::make_shared<const std::string>(std::move(words)));
  }
  /// The file of the configuration that is in force, and its text as it was read; for `postern
  /// plan`. Without a call the configuration is that of an empty file.
  void note_source(ConfigSource source) {
    source_.store(std::make_shared<const ConfigSource>(std::move(source)));
  }
  /// Whether every event loop has run a handler within `limit`. Blocks.
  bool answers(std::chrono::milliseconds limit);
  /// Reloads that commands ask for; whoever waits for signals opens, answers and closes it.
  ReloadDesk& reloads() { return reloads_; }
  /// Publishes changes of the store to the running gateway.
  admin::Publisher& publisher() { return *publisher_; }

  /// Applies the keys of `config` that need no restart, such as limits, time-outs and certificates,
  /// to new sessions. After an error nothing has changed. Blocks.
  tl::expected<Reloaded, StartError> reload(const Config& config,
                                            admin::ListsOver over = admin::ListsOver::file);
  /// Uses certificates whose files changed since they were read, for new sessions. Of a listener
  /// whose files cannot be used, the old one stays, which is logged once. Returns whether files had
  /// changed. Thread-safe. Blocks.
  bool renew_changed_certificates();
  /// Answers "tls-install" (`certificate`, `key`: PEM; `called`: the
  /// certificate's name in warnings; `if_named`: nothing is done with a
  /// certificate that is not for server.hostname) and "tls-status". Fault::malformed: the pair
  /// cannot be used; Fault::denied: no listener would use it. Thread-safe. Blocks.
  Result<boost::json::object> answer_about_tls(const std::string& question,
                                               const boost::json::object& given);
  /// Ends the gateway; open sessions may finish within `limit`. Returns how many were ended.
  /// instance_stop.cc defines the order. Blocks.
  std::size_t stop(std::chrono::milliseconds limit);

 private:
  using ListenerResult = tl::expected<std::shared_ptr<const gateway::ListenerSettings>, StartError>;

  explicit Instance(const Config& config);
  Started open_directory();
  Started open_databases();
  Started open_store();
  spool::InboxOptions own_inboxes() const;
  Started open_inboxes();
  Started open_links();
  void move_own_inboxes();
  Result<std::shared_ptr<void>> hold_edits_of_cluster(std::chrono::steady_clock::time_point until);
  /// Of a file whose lists come into force.
  Result<std::shared_ptr<void>> hold_edits(const Config& config);
  static Started cluster_error(const Error& error);
  Result<void> follow(const store::Change& edit);
  void follow_cluster();
  Result<void> rules_are_recent() const;
  std::function<Result<std::pair<std::int64_t, std::int64_t>>(std::uint64_t)> applied_by();
  Started open_spool();
  Started no_local_queue() const;
  Started may_join();
  Started open_resolver();
  Started open_delivery();
  Started open_api();
  Started open_listeners();
  Started open_listener(ListenerConfig& listener,
                        std::shared_ptr<const gateway::ListenerSettings> settings);
  /// Posts to every event loop a handler that owns a copy of `turn`.
  void ask_loops(const std::shared_ptr<const void>& turn);
  void refuse_new_work();
  std::size_t let_work_end(std::chrono::milliseconds limit);
  void stop_threads();
  void destroy_what_waits();
  void tell_the_others();
  void destroy_owners();
  void run_api_loop();
  /// Runs every minute; the parts' errors are independent.
  Task<void> housekeeping();
  Task<Result<void>> purge_deliveries();
  Task<Result<void>> purge_queue();
  Task<Result<void>> purge_inboxes();
  Task<Result<void>> count_queue();
  /// Runs every second for the API.
  Task<void> tick();
  /// Decides with these lists from now on.
  void follow_lists(const admin::Lists& lists);
  /// The tables of routes, opened anew; null: no route has one.
  std::shared_ptr<relay::RouteTables> route_tables_of(const Config& config);
  /// Verifies addresses as the lists in force say. Needs `deciding_mutex_`, or the start.
  void follow_verification();
  std::vector<admin::SmtpListener> smtp_listeners() const;
  /// As last loaded, with the lists in force.
  Config deciding();
  Task<boost::json::object> health();
  Result<boost::json::object> running();
  /// Charges the memory of this configuration's scripts to the budget.
  void charge_scripts(const Config& config) const;
  Started follow_file(const Config& config, admin::ListsOver over = admin::ListsOver::file);
  Started release_public_domain();
  replay::Draft draft_of(const std::optional<admin::Lists>& lists);
  /// Which accounts' credentials count as the operator's own, not a tenant's.
  gateway::PoliciesVerifier::Operates operators_of(const Config& config);
  tl::expected<std::shared_ptr<const gateway::Authenticator::Verifiers>, StartError> verifiers_of(
      const Config& config);
  /// The World that trusts the certificates in `ca_file`; empty: the system's roots.
  ScriptWorld& world_trusting(const std::string& ca_file);
  /// Logs a certificate that is another one than before, and counts its days.
  static void note_certificate(const gateway::ListenerSettings* before,
                               const gateway::ListenerSettings& now);
  /// The next three need `certificates_mutex_`, or the start. What `certificate_stamp_` becomes
  /// once the files are in use; taken before they are read.
  std::string certificate_stamp_of(const Config& config) const;
  /// Reads the certificates again.
  void renew_certificates();
  Result<boost::json::object> install(const boost::json::object& given);
  boost::json::object certificates_in_use();
  ListenerResult listener_settings(const ListenerConfig& listener, const Config& config) const;

  class Readiness;
  class MetricsPort;

  Config config_;
  std::string data_dir_;
  std::mutex certificates_mutex_;  ///< taken before `deciding_mutex_`; guards the next two members
  std::string certificate_stamp_;  ///< of the files in use, before they were read
  std::map<std::string, std::string> certificate_troubles_;  ///< by listener
  std::mutex deciding_mutex_;                                ///< guards the next three members
  Config deciding_;  ///< as last loaded, with the lists in force
  std::vector<std::shared_ptr<const gateway::ListenerSettings>> listeners_;
  std::shared_ptr<policy::CurrentEngine> engine_;
  std::shared_ptr<MemoryBudget> memory_;  ///< memory for clients' data and scripts
  std::unique_ptr<net::WorkPool> lookup_pool_;
  /// Asks the databases of routes, so that one that hangs delays no session; null: not needed yet.
  std::unique_ptr<net::WorkPool> route_pool_;
  std::shared_ptr<gateway::RemoteTables> tables_;  ///< of the lists in force
  /// Of the current policy and of earlier ones that sessions still use.
  std::vector<std::weak_ptr<ScriptRuntime>> scripts_;
  bool test_recipients_ = false;
  std::vector<PassedSocket> sockets_;
  ReloadDesk reloads_;
  SharedPointer<const std::string> sandbox_;
  SharedPointer<const ConfigSource> source_;
  std::optional<DataLock> lock_;

  std::unique_ptr<store::SqlStore> store_;
  std::unique_ptr<store::DeliveryLog> delivery_log_;
  std::unique_ptr<store::TraceWriter> traces_;
  std::unique_ptr<cluster::Database> cluster_;  ///< null: the queue is on this machine's disk
  std::unique_ptr<cluster::Node> node_;
  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<spool::Inbox> inbox_;
  ControlFile control_;
  policy::Directory directory_;
  policy::DkimKeyring dkim_keys_;  ///< signs outgoing mail
  policy::AuthenticationCaches authentication_;
  std::unique_ptr<admin::Publisher> publisher_;
  std::uint64_t follow_from_ = 0;                   ///< the newest edit when the store was opened
  std::unique_ptr<cluster::AppliedEdits> applied_;  ///< null: no cluster
  std::unique_ptr<cluster::SharedWindows> limits_;  ///< the same
  std::unique_ptr<cluster::SharedTries> tries_;     ///< the same
  std::unique_ptr<admin::Follower> follower_;       ///< the same
  std::unique_ptr<ClusterFeeds> feeds_;             ///< null: decisions are this gateway's alone
  std::atomic<bool> begins_anew_{false};
  std::atomic<bool> met_unknown_edit_{false};  ///< of a newer gateway: it is not in force here
  std::unique_ptr<admin::RunningLists> lists_;
  std::unique_ptr<GuardrailDesk> guardrails_;
  std::unique_ptr<Attachments> attachments_;
  ClusterAttachments* linked_ = nullptr;  ///< the same object in a cluster, else null
  std::unique_ptr<gateway::Resources> resources_;
  std::unique_ptr<gateway::SignatureSightings> sightings_;
  std::unique_ptr<gateway::Admission> admission_;
  deliver::RateLimiter rates_;
  admin::TraceHub trace_hub_;
  TraceWatch trace_watch_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<WebhookRates> rate_probe_;

  std::atomic<bool> stopping_{false};
  bool stopped_ = false;

  // The following members run on event loops.
  net::EventLoop api_loop_;
  std::unique_ptr<net::UnboundResolver> name_servers_;
  std::unique_ptr<MeteredResolver> metered_;
  std::unique_ptr<dns::CachingResolver> resolver_;
  std::unique_ptr<net::WorkPool> auth_pool_;
  std::unique_ptr<net::WorkPool> source_pool_;  ///< blocks on databases of accounts
  std::map<std::string, std::unique_ptr<ScriptWorld>> worlds_;
  std::unique_ptr<net::WorkPool> account_pool_;
  std::unique_ptr<net::WorkPool> disk_pool_;
  std::unique_ptr<net::WorkPool> queue_pool_;  ///< separate, as a verification reads every message
  std::unique_ptr<net::WorkPool> payload_pool_;
  std::unique_ptr<net::WorkPool> heavy_pool_;
  std::unique_ptr<gateway::Authenticator> authenticator_;
  std::unique_ptr<deliver::WebhookDelivery> delivery_;
  std::unique_ptr<Outbound> outbound_;
  std::unique_ptr<gateway::Services> services_;
  std::unique_ptr<gateway::Server> server_;
  std::unique_ptr<SimulatorPort> simulator_;
  std::unique_ptr<DryRunPort> dry_run_;
  std::unique_ptr<TestMailPort> test_mail_;
  std::unique_ptr<TracePort> trace_port_;
  std::unique_ptr<LiveAnswersPort> live_answers_;
  std::unique_ptr<ReplayPort> replay_port_;
  std::unique_ptr<PlanDesk> plan_desk_;
  std::unique_ptr<TraceRerunPort> trace_rerun_;
  std::unique_ptr<SpoolQueuePort> queue_port_;
  std::unique_ptr<admin::ReadinessProbe> readiness_;
  std::unique_ptr<admin::MetricsSource> metrics_port_;
  std::unique_ptr<admin::AdminApi> api_;
  std::unique_ptr<net::HttpServer> http_;
  std::thread api_thread_;
  std::unique_ptr<Heartbeat> heartbeat_;  ///< null without a service manager
};

}  // namespace postern::app
