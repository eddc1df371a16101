// The control plane over HTTP (docs/api.md, docs/openapi.yaml): accounts, policies, webhooks, and
// what became of mail. One call in, one answer out; the server around it is net::HttpServer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/passwords.h"
#include "admin/ports.h"
#include "dns/resolver.h"
#include "net/http_message.h"
#include "net/work_pool.h"
#include "spool/inbox.h"
#include "store/delivery_log.h"
#include "store/store.h"

namespace postern::admin {

class Publisher;
class RunningLists;
class TraceHub;

/// Where the gateway takes mail.
struct SmtpListener {
  std::string address;  ///< "0.0.0.0:25"
  std::string tls;      ///< none, starttls, implicit
};

struct Options {
  std::string version;                                  ///< of the program
  std::string hostname = "localhost.localdomain";       ///< as it greets
  std::string public_domain = "localhost.localdomain";  ///< webhook-<ULID>@ addresses
  std::string public_url = "http://127.0.0.1:8025";     ///< no slash at its end
  bool open_signup = true;
  bool rate_limits = true;
  bool behind_proxy = false;  ///< requests come through a proxy: none is from this machine
  CidrSet trusted_proxies;    ///< who may say for whom they ask; empty: nobody
  /// Requests of one account in hand at a time, and those of them that wait for something.
  std::size_t requests_per_account = 64;
  std::size_t waits_per_account = 16;
  Secret metrics_token;  ///< bearer token of GET /metrics; empty: nobody may
  /// Bearer token of the command line, for who may read the control file; empty: nobody.
  Secret control_token;
  std::string attachment_dir;
  bool allow_http = false;           ///< plain http targets
  std::vector<Cidr> allow_networks;  ///< otherwise refused target addresses
  std::vector<std::uint16_t> allow_ports;
  bool has_queue = false;  ///< webhooks may ask for queued delivery
  /// Ids of the accounts that may see and change what is the gateway's. Empty: the first account
  /// that the store ever had.
  std::vector<std::string> operators;
  Argon2Cost argon2;
  /// A hash that waited longer for a thread is refused: 503.
  std::chrono::milliseconds hashing_patience = std::chrono::seconds(10);
  std::string zoneinfo = "/usr/share/zoneinfo";
};

/// Everything outlives the API. Ports that are null answer 503.
struct Dependencies {
  store::Store& store;
  store::DeliveryLog& delivery_log;
  spool::Inbox& inbox;
  Publisher& publisher;
  dns::Resolver& resolver;
  net::WorkPool& hashing;  ///< Argon2 and bcrypt
  net::WorkPool& disk;     ///< database calls
  /// What is wrong with a payload template, with line and column; unset: templates are refused.
  std::function<std::optional<std::string>(std::string_view text)> template_error;
  Simulator* simulator = nullptr;
  DryRun* dry_run = nullptr;
  TestMail* test_mail = nullptr;
  TraceReader* traces = nullptr;
  ReadinessProbe* readiness = nullptr;
  MetricsSource* metrics = nullptr;
  RunningLists* lists = nullptr;
  Replayer* replayer = nullptr;
  QueueControl* queue = nullptr;
  TraceHub* trace_hub = nullptr;
  TraceRerun* trace_rerun = nullptr;
  LiveAnswers* answers = nullptr;
  /// Asked once the gateway listens; unset: nothing takes mail.
  std::function<std::vector<SmtpListener>()> smtp_listeners = {};
  /// Where verdicts of DNSSEC come from, in words; unset: nobody asks DNS.
  std::function<std::string()> dnssec = {};
};

class AdminApi {
 public:
  /// Reads (or makes) the signing keys; blocks and takes as long as one password hash.
  static Result<std::unique_ptr<AdminApi>> open(const Dependencies& dependencies,
                                                const Options& options);
  ~AdminApi();

  Task<net::HttpResponse> handle(net::HttpRequest request);
  /// net::HttpGate: why a body larger than 64 KiB is not read, judged from the head alone. Only
  /// callers who were let in may send one: what is open to anybody needs none.
  Task<std::optional<net::HttpResponse>> refuse_large_body(const net::HttpRequest& head);
  /// Method and template of every route: the closed set that MetricsSource::count_request() gets.
  std::vector<std::pair<std::string, std::string>> routes() const;
  /// GET /metrics alone, without a token: for a listener of its own.
  Task<net::HttpResponse> handle_metrics(net::HttpRequest request);
  /// Housekeeping that a timer calls every few minutes: domains due for a check, expired sessions,
  /// old signing keys.
  Task<void> housekeeping();
  /// The gateway stops: requests that wait for something to happen are answered, and those that
  /// would begin long work are refused. From any thread.
  void stop();
  /// What a timer calls every second: failed sign-ins are written into the audit log, and it is
  /// looked whether another process (`postern passwd`) has changed what somebody may.
  Task<void> tick();
  /// Writes what tick() would. Blocks; for the end, when nobody calls any more.
  void write_what_waits();

 private:
  struct Parts;
  explicit AdminApi(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace postern::admin
