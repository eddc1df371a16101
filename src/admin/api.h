// The control plane over HTTP (docs/api.md, docs/openapi.yaml): accounts, policies, webhooks, and
// the outcome of mail. Each request gets one response; net::HttpServer is the server around it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/passwords.h"
#include "admin/ports.h"
#include "base/shared_counts.h"
#include "base/shared_limits.h"
#include "dns/resolver.h"
#include "net/http_message.h"
#include "net/work_pool.h"
#include "spool/inbox.h"
#include "store/delivery_log.h"
#include "store/linked_octets.h"
#include "store/store.h"

namespace postern::admin {

class Publisher;
class RunningLists;
class TraceHub;

/// An address on which the gateway accepts mail.
struct SmtpListener {
  std::string address;  ///< "0.0.0.0:25"
  std::string tls;      ///< "none", "starttls", "implicit"
};

/// Settings of the API.
struct Options {
  std::string version;                                  ///< of the program
  std::string hostname = "localhost.localdomain";       ///< in the greeting
  std::string public_domain = "localhost.localdomain";  ///< of webhook-<ULID>@ addresses
  std::string public_url = "http://127.0.0.1:8025";     ///< no trailing slash
  bool open_signup = true;                              ///< anybody may create an account
  bool rate_limits = true;    ///< false: no limits on requests and guesses
  bool behind_proxy = false;  ///< requests come through a proxy, so none counts as local
  CidrSet trusted_proxies;    ///< proxies that may name the client; empty: none
  /// Concurrent requests per account.
  std::size_t requests_per_account = 64;
  /// Concurrent requests per account that wait for something to happen.
  std::size_t waits_per_account = 16;
  Secret metrics_token;  ///< bearer token of GET /metrics; empty: refused
  /// Bearer token of the command line, from the control file; empty: refused.
  Secret control_token;
  /// Directory of the files behind attachment links.
  std::string attachment_dir;
  bool allow_http = false;  ///< targets may use plain http
  /// Target addresses that are allowed although otherwise refused.
  std::vector<Cidr> allow_networks;
  /// Target ports that are allowed although otherwise refused.
  std::vector<std::uint16_t> allow_ports;
  bool has_queue = false;  ///< webhooks may use queued delivery
  /// Ids of the accounts that operate the gateway. Empty: the first account ever created.
  std::vector<std::string> operators;
  /// Cost of password hashes.
  Argon2Cost argon2;
  /// How long a hash may wait for a thread; then 503.
  std::chrono::milliseconds hashing_patience = std::chrono::seconds(10);
  /// Directory of the IANA time zones.
  std::string zoneinfo = "/usr/share/zoneinfo";
};

/// What the API uses; everything must outlive it. Endpoints of null ports answer 503.
struct Dependencies {
  store::Store& store;               ///< the control plane's database
  store::DeliveryLog& delivery_log;  ///< records and links
  spool::Inbox& inbox;               ///< the built-in inboxes
  Publisher& publisher;              ///< applies changes to the hot path
  dns::Resolver& resolver;           ///< verifies domains
  net::WorkPool& hashing;            ///< Argon2 and bcrypt
  net::WorkPool& disk;               ///< database calls, and the endpoints that only make them
  /// The error in a payload template, with line and column; nullopt: none. Unset: templates are
  /// refused.
  std::function<std::optional<std::string>(std::string_view text)> template_error;
  Simulator* simulator = nullptr;       ///< see ports.h
  DryRun* dry_run = nullptr;            ///< see ports.h
  TestMail* test_mail = nullptr;        ///< see ports.h
  TraceReader* traces = nullptr;        ///< see ports.h
  ReadinessProbe* readiness = nullptr;  ///< see ports.h
  MetricsSource* metrics = nullptr;     ///< see ports.h
  RunningLists* lists = nullptr;        ///< the restriction lists
  Replayer* replayer = nullptr;         ///< see ports.h
  QueueControl* queue = nullptr;        ///< see ports.h
  TraceHub* trace_hub = nullptr;        ///< live decisions
  TraceRerun* trace_rerun = nullptr;    ///< see ports.h
  LiveAnswers* answers = nullptr;       ///< see ports.h
  Guards* guards = nullptr;             ///< see ports.h
  Planner* planner = nullptr;           ///< see ports.h
  /// Addresses on which mail is accepted; called once the gateway listens. Unset: none.
  std::function<std::vector<SmtpListener>()> smtp_listeners = {};
  /// Where DNSSEC verdicts come from, for people; unset: DNS is not used.
  std::function<std::string()> dnssec = {};
  SharedLimits* limits = nullptr;  ///< of all gateways of a cluster; null: each counts its own
  SharedCounts* tries = nullptr;   ///< the same
  /// Links of all gateways of a cluster; null: there are only those of the delivery log.
  store::LinkedOctets* linked = nullptr;
  /// In a cluster: how many gateways live, and how many of them have applied the edit of this
  /// number. Blocks. Null: no cluster.
  std::function<Result<std::pair<std::int64_t, std::int64_t>>(std::uint64_t edit)> applied = {};
};

/// The API. Called on any event loop.
class AdminApi {
 public:
  /// Opens the API; reads or creates its signing keys. Blocks on the disk. Errors: the store's.
  static Result<std::unique_ptr<AdminApi>> open(const Dependencies& dependencies,
                                                const Options& options);
  ~AdminApi();

  /// Answers a request. Never throws.
  Task<net::HttpResponse> handle(net::HttpRequest request);
  /// The response to a request whose body is larger than 64 KiB, judged from its head
  /// (net::HttpGate); nullopt: read the body. Only admitted callers may send such a body, and none
  /// to a route open to anybody.
  Task<std::optional<net::HttpResponse>> refuse_large_body(const net::HttpRequest& head);
  /// Method and template of each route: the closed set of labels of MetricsSource::count_request().
  std::vector<std::pair<std::string, std::string>> routes() const;
  /// Periodic work, to be called every few minutes: checks domains that are due, purges expired
  /// sessions, renews signing keys.
  Task<void> housekeeping();
  /// Another gateway of the cluster has made or retired a signing key of tokens. Blocks on the
  /// store. Safe from any thread.
  Result<void> follow_keys();
  /// The gateway is stopping: answers requests that wait for something to happen, and refuses long
  /// work. Safe from any thread.
  void stop();
  /// Periodic work, to be called every second: writes failed sign-ins to the audit log, and checks
  /// whether another process (`postern passwd`) has changed anybody's access.
  Task<void> tick();
  /// Writes the remaining sign-ins. Blocks on the disk; call it at the end, when there are no more
  /// requests.
  void write_what_waits();

 private:
  struct Parts;
  explicit AdminApi(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace postern::admin
