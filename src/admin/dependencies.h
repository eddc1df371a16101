// Settings of the API, and what it uses of the rest of the gateway.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/passwords.h"
#include "base/error.h"
#include "base/ip.h"
#include "base/secret.h"
#include "base/shared_counts.h"
#include "base/shared_limits.h"

namespace postern::dns {
class Resolver;
}
namespace postern::net {
class WorkPool;
}
namespace postern::spool {
class Inbox;
}
namespace postern::store {
class DeliveryLog;
class LinkedOctets;
class Store;
}  // namespace postern::store

namespace postern::admin {

class DryRun;
class Guards;
class LiveAnswers;
class MetricsSource;
class Planner;
class Publisher;
class QueueControl;
class ReadinessProbe;
class Replayer;
class RunningLists;
class Simulator;
class TestMail;
class TraceHub;
class TraceReader;
class TraceRerun;

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

}  // namespace postern::admin
