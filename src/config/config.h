// The configuration: one TOML file, read once and checked as a whole. A Config returned without
// errors is complete and consistent; no other code checks it again.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "config/diagnostic.h"
#include "config/lua.h"
#include "config/restrictions.h"
#include "config/vsl.h"
#include "gateway/auth_source.h"
#include "gateway/listener_tls.h"
#include "net/dnssec.h"
#include "policy/dmarc_rule.h"
#include "relay/route.h"
#include "smtp/limits.h"
#include "telemetry/log.h"

namespace postern::dialect::kumo {
struct Listener;
}

namespace postern::app {

struct Guardrails;

/// The unit of all durations.
using Milliseconds = std::chrono::milliseconds;

/// An address and a port: "127.0.0.1:2525", "[::1]:2525".
struct Endpoint {
  /// Known, possibly a wildcard.
  IpAddress address;
  std::uint16_t port = 0;  ///< 0: the system picks one
  /// The name of a listening socket that the service manager passes at the start, of a [[listener]]
  /// with `systemd:NAME`; then address and port are the socket's, or `::` and 0 while they are not
  /// known. Empty: the address is opened here.
  std::string passed = {};

  /// Parses the text form. `default_port` 0: the port is required. Fault::malformed.
  static Result<Endpoint> parse(std::string_view text, std::uint16_t default_port = 0);
  /// The text form; `systemd:NAME` while address and port are not known.
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

/// Whether a PROXY header begins each connection.
enum class ProxyProtocol : std::uint8_t { off, required };
/// What happens to mail accepted for webhooks.
enum class Disposition : std::uint8_t { deliver, discard };
/// Whether accounts can be created without an invitation.
enum class Signup : std::uint8_t { open, closed };
/// IP versions of outgoing connections.
enum class Families : std::uint8_t { both, v4, v6 };
/// Whether private addresses are valid next hops: of hosts that a route names, always, never.
enum class PrivateHosts : std::uint8_t { routes, always, never };
/// Whether BDAT is used where offered (RFC 3030 §2).
enum class Chunking : std::uint8_t { automatic, off };
/// What to do if a next hop lacks an extension: fail, or send anyway.
enum class Lacking : std::uint8_t { strict, send };
/// What the gateway does of sandbox::put_on(): all or no start, what the kernel has, nothing.
enum class SandboxMode : std::uint8_t { strict, best_effort, off };
/// Where Patroni keeps its leader's lock.
enum class PatroniProtocol : std::uint8_t { etcd3, etcd, other };
/// Which gateways of a cluster show a decision: all, or the one that made it.
enum class ClusterTraces : std::uint8_t { database, node };
/// How DMARC records are found: RFC 7489 §6.6.3, or the tree walk of RFC 9989.
enum class DmarcDiscovery : std::uint8_t { public_suffix, tree_walk };

/// The section [server].
struct ServerConfig {
  /// If the file does not set it, load_config() sets the machine's name.
  std::string hostname = "localhost";
  std::filesystem::path data_dir = "./postern-data";  ///< databases, spool, lock
  std::uint64_t threads = 0;                          ///< event loops; 0: one per core
  /// After SIGTERM: the time that open sessions and deliveries have to finish.
  Milliseconds drain_timeout = std::chrono::seconds(30);
  bool core_dumps = false;  ///< whether the process may dump core; read at the start only
  SandboxMode sandbox = SandboxMode::best_effort;  ///< read at the start only
  /// Files and directories that the sandbox lets the gateway read; empty: all.
  std::vector<std::string> sandbox_read;
  /// Files and directories that it may change, beside those that other keys name.
  std::vector<std::string> sandbox_write;
};

/// The section [cluster].
struct ClusterConfig {
  std::string database;       ///< a connection string of libpq; empty: no cluster
  std::string password_file;  ///< one line; empty: none is sent
  std::string seal_key_file;  ///< keys of the secrets in the database; empty: they are not sealed
  std::string node;           ///< name in the cluster; empty: server.hostname
  /// How long the reply to a message may wait for its commit.
  Milliseconds publish_wait = std::chrono::seconds(60);
  /// How long rules are kept in force while edits of others cannot be read.
  Milliseconds serve_stale = std::chrono::seconds(60);
  bool allow_one_copy = false;       ///< a primary without a standby is taken
  std::vector<std::string> patroni;  ///< URLs of Patroni's REST API; empty: it is not asked
  PatroniProtocol patroni_protocol = PatroniProtocol::etcd3;
  /// Whether traces and the delivery log go to the other gateways, through the database.
  ClusterTraces traces = ClusterTraces::database;
};

/// One [[listener]].
struct ListenerConfig {
  std::string name = "smtp";                                  ///< unique; a metrics label
  Endpoint address{IpAddress::v4(0x7f000001), 2525};          ///< port 0: the system picks one
  gateway::ListenerTls tls = gateway::ListenerTls::starttls;  ///< how sessions use TLS
  std::string
      certificate;  ///< PEM file; empty: self-signed, made in data_dir. "credential:" is resolved
  std::string key;  ///< PEM file of the private key
  /// Whether clients are asked for a certificate.
  gateway::ClientCertificates client_certificate = gateway::ClientCertificates::no;
  std::string client_ca;            ///< PEM file of authorities whose certificates are trusted
  std::string client_ca_directory;  ///< the same, a directory as of `openssl rehash`
  std::string client_fingerprint_digest = "sha256";   ///< of fingerprints; a name that OpenSSL has
  ProxyProtocol proxy_protocol = ProxyProtocol::off;  ///< header before the first octet
  CidrSet proxy_from;                                 ///< networks of proxies
  CidrSet xclient_from;                               ///< clients that may use XCLIENT
  bool auth_without_tls = false;                      ///< AUTH is offered without TLS, too
  bool reject_unauth_pipelining = false;  ///< 554 to clients that pipeline against RFC 2920 §3.1
  Milliseconds pregreet_wait{0};  ///< before the greeting; a client that sends first gets 554
  std::string banner;  ///< after the host name and "ESMTP" in the greeting; empty: "Postern"
  /// Settings of a policy script that override the file's; null: the file's listener.
  std::shared_ptr<const dialect::kumo::Listener> started;
};

/// 127.0.0.0/8 and ::1/128.
CidrSet loopback_networks();

/// The section [limits].
struct LimitsConfig {
  smtp::Limits session;  ///< enforced by smtp::ServerSession
  /// What happens to bare LF in data (RFC 5321 §2.3.8).
  smtp::BareNewline bare_newline = smtp::BareNewline::reject;
  std::uint64_t webhook_recipients = 100;  ///< recipients of one transaction to a webhook
  /// The delay of each error reply, once a session has had session.soft_errors of them.
  Milliseconds error_delay = std::chrono::seconds(1);
  std::uint64_t sessions = 1000;                  ///< concurrent SMTP sessions
  std::uint64_t sessions_per_address = 50;        ///< concurrent, per IPv4 address or IPv6 /64
  std::uint64_t new_sessions_per_minute = 30;     ///< per IPv4 address or IPv6 /64
  CidrSet exempt_networks = loopback_networks();  ///< without limits per address
  /// Octets of memory for what clients send, over all sessions and deliveries; 0: a quarter of the
  /// machine's memory.
  std::uint64_t memory = 0;
  /// Octets of one field in a payload; a longer one is cut.
  std::uint64_t header_field = 100 * 1024;
  /// Limits of one account, see store::AccountLimits.
  std::uint64_t account_policies = 1000;
  std::uint64_t account_credentials = 10'000;  ///< SMTP users
  std::uint64_t account_webhooks = 10'000;     ///< of one account
  std::uint64_t account_domains = 200;         ///< verified or not
  /// Octets of policies, SMTP users and webhooks together.
  std::uint64_t account_octets = 16u << 20;
  std::uint64_t tables = 256u << 20;  ///< octets of all files that restriction lists name
};

/// The section [timeouts]; see gateway::Timeouts.
struct TimeoutsConfig {
  Milliseconds command = std::chrono::seconds(300);       ///< one command line
  Milliseconds data_block = std::chrono::seconds(180);    ///< each 64 KiB of message data
  Milliseconds session = std::chrono::hours(1);           ///< a whole session
  Milliseconds write = std::chrono::seconds(30);          ///< a client that does not read replies
  Milliseconds tls_handshake = std::chrono::seconds(10);  ///< one TLS handshake
  Milliseconds proxy_header = std::chrono::seconds(5);    ///< the whole header
  std::uint64_t minimum_rate = 100;  ///< octets per second of message data; 0: none
  Milliseconds minimum_rate_after = std::chrono::seconds(30);  ///< time before minimum_rate applies
};

/// The section [auth]; see gateway::AuthLimits.
struct AuthConfig {
  bool policies = true;  ///< checks credentials of webhook policies, after the sources
  std::uint64_t failures_per_address = 10;                 ///< within failure_window; 0: unlimited
  std::uint64_t failures_per_subnet = 30;                  ///< likewise per IPv4 /24 or IPv6 /48
  std::uint64_t failures_per_account = 50;                 ///< likewise per account name
  Milliseconds failure_window = std::chrono::minutes(10);  ///< failures count for this time
  Milliseconds lockout = std::chrono::minutes(10);  ///< time of refusals after the last failure
  Milliseconds failure_delay = std::chrono::seconds(1);  ///< before a 535
  std::uint64_t workers = 0;  ///< hashing threads; 0: half the cores, at least one
  /// Password checks that may wait; when it is full, the account with the most waiting gets 454.
  std::uint64_t queue = 64;
  Milliseconds wait = std::chrono::seconds(10);  ///< longest wait for a hashing thread; then 454
  /// Hashing time per minute of one account while others wait; 0: unlimited.
  Milliseconds account_share = std::chrono::seconds(30);
  Milliseconds client_share = std::chrono::seconds(15);  ///< the same for one client address
  /// A password hash that takes this machine longer is refused when it is set; 0: unlimited.
  Milliseconds longest_hash = std::chrono::seconds(3);
  std::vector<gateway::AuthSource> sources;  ///< asked in this order
};

/// The section [dns].
struct DnsConfig {
  std::vector<Endpoint> servers;                         ///< empty: those of /etc/resolv.conf
  net::Dnssec dnssec = net::Dnssec::automatic;           ///< who validates answers
  std::string trust_anchor = "/usr/share/dns/root.key";  ///< file with the root's keys
  Milliseconds timeout = std::chrono::seconds(5);        ///< of one query
};

/// The section [authentication]: checks of SPF, DKIM and DMARC.
struct AuthenticationConfig {
  policy::DmarcRule dmarc = policy::DmarcRule::report;  ///< what a DMARC fail does
  /// Where DMARC records are found.
  DmarcDiscovery dmarc_discovery = DmarcDiscovery::public_suffix;
  std::uint64_t questions = 100;        ///< DNS queries per message, for layers in shadow again
  std::uint64_t signatures = 10;        ///< DKIM signatures checked per message
  std::uint64_t dkim_replay_limit = 0;  ///< messages in 24 hours with one signature; 0: unlimited
  /// Time for a result that a policy needs; after it, a temporary failure.
  Milliseconds decide_within = std::chrono::seconds(20);
  Milliseconds report_within =
      std::chrono::seconds(5);  ///< time for a result that is only reported
};

/// The section [relay]: mail to other hosts. See relay::RoutingConfig for the meaning.
struct RelayConfig {
  relay::TlsLevel tls = relay::TlsLevel::may;  ///< to MX hosts without a published policy
  bool dane = true;                            ///< use TLSA records (RFC 7672 §2.2)
  bool relay_to_literals = false;              ///< accept user@[192.0.2.1] (RFC 5321 §4.1.3)
  PrivateHosts relay_to_private = PrivateHosts::routes;  ///< private next hops
  Families families = Families::both;                    ///< IP versions
  std::vector<std::string> self_names;       ///< other names of this host, to detect loops
  std::vector<Endpoint> proxy_addresses;     ///< addresses at which a proxy or NAT forwards to us
  std::uint64_t max_hosts = 5;               ///< tried per delivery attempt
  std::uint64_t max_addresses_per_host = 4;  ///< tried per delivery attempt
  std::uint64_t max_addresses = 10;          ///< tried per delivery attempt
  std::uint64_t max_sessions = 3;            ///< hosts that sent a greeting, per delivery attempt
  Milliseconds longest_wait = std::chrono::hours(1);  ///< upper bound of each wait for a host
  /// Octets of mail kept for <postmaster>; above, 452 4.2.2.
  std::uint64_t postmaster_max_size = std::uint64_t{256} << 20;
};

/// The section [queue].
struct QueueConfig {
  std::uint64_t concurrency = 1000;         ///< deliveries to other hosts at a time
  std::uint64_t report_concurrency = 200;   ///< the same for mail with the null reverse-path
  std::uint64_t webhook_concurrency = 500;  ///< the same to webhooks
  std::uint64_t folder_concurrency = 50;    ///< the same to mailbox directories
  /// Of one delivery attempt, plus a second per 10 KB.
  Milliseconds longest_attempt = std::chrono::minutes(20);
  /// The same for the first attempt of a message, if its account uses more than half of the
  /// deliveries that it may have at a time.
  Milliseconds longest_crowded_attempt = std::chrono::minutes(2);
  Milliseconds first_retry = std::chrono::minutes(5);  ///< each further delay is doubled
  Milliseconds longest_retry = std::chrono::hours(4);  ///< upper bound of a delay
  Milliseconds expire = std::chrono::hours(5 * 24);    ///< when a message is returned to its sender
  /// The same for mail with the null reverse-path, which is dropped.
  Milliseconds expire_null_path = std::chrono::hours(2 * 24);
  Milliseconds delay_notice = std::chrono::hours(4);  ///< when a delay is reported; 0: never
  bool operator==(const QueueConfig&) const = default;
};

/// One [[route]]; relay::parse_route() reads it.
struct RouteConfig {
  std::vector<std::string> match;     ///< recipient patterns; empty: an empty section
  std::vector<std::string> to{"mx"};  ///< "mx", hosts, "discard", "maildir:/path", ...
  std::vector<std::string> sender;    ///< sender patterns; empty: all senders
  std::vector<std::string> tables;    ///< transport maps, "mysql:/path", asked before `to` counts
  std::vector<std::string> fallback;  ///< hosts that are tried when no host of `to` takes the mail
  /// TLS to its hosts; nullopt: as the destination publishes, else relay.tls.
  std::optional<relay::TlsLevel> tls;
  /// Names of which a certificate must have one; empty: the host's name.
  std::vector<std::string> names;
  std::string ca;                 ///< PEM file; empty: the system's roots
  std::vector<std::string> tlsa;  ///< "3 1 1 <hex>" (RFC 7672 §3.1), instead of DNS records
  std::string auth_user;          ///< user name for AUTH
  std::string auth_password;      ///< path of a file; "credential:" was resolved
  bool auth_insecure = false;     ///< send the password without tls = "verify", too
  Chunking chunking = Chunking::automatic;  ///< use of BDAT
  Lacking eightbit = Lacking::strict;       ///< next hops without 8BITMIME (RFC 6152 §3)
  Lacking utf8_headers = Lacking::strict;   ///< next hops without SMTPUTF8 (RFC 6531 §3.2)
  std::uint64_t max_connections = 0;        ///< at a time; 0: the queue's limit
  std::uint64_t messages_per_minute = 0;    ///< 0: unlimited
  std::uint64_t max_recipients = 50;        ///< per transaction
  std::string egress;                       ///< EgressConfig::pool; empty: none
};

/// One [[egress]]: a source address of a pool.
struct EgressConfig {
  std::string pool;             ///< empty: an empty section
  std::string name;             ///< in traces
  std::optional<IpAddress> v4;  ///< at least one of v4 and v6 is set
  std::optional<IpAddress> v6;  ///< see v4
  std::string ehlo;             ///< name in EHLO; empty: server.hostname
  std::uint64_t weight = 1;     ///< share of the pool's mail
  bool fallback = false;        ///< without a usable address of the pool, the system picks one
};

/// The section [webhooks].
struct WebhooksConfig {
  std::string public_domain = "localhost.localdomain";  ///< domain of addresses of new webhooks
  bool allow_http = false;                              ///< http:// targets
  CidrSet allow_networks;                               ///< private networks that targets may be in
  std::vector<std::uint16_t> allow_ports;               ///< ports below 1024 that targets may use
  Milliseconds connect_timeout = std::chrono::seconds(5);  ///< TCP and TLS together
  std::uint64_t concurrency = 10;                          ///< requests at a time per webhook
  /// Delays after failed attempts of queued deliveries; then a dead letter.
  std::vector<Milliseconds> retry_schedule{
      std::chrono::seconds(5), std::chrono::minutes(5), std::chrono::minutes(30),
      std::chrono::hours(2),   std::chrono::hours(5),   std::chrono::hours(10),
      std::chrono::hours(14),  std::chrono::hours(20),  std::chrono::hours(24)};
  Disposition disposition = Disposition::deliver;  ///< what happens to accepted mail
  bool make_message_id = true;  ///< add a Message-ID to payloads without one (RFC 5322 §3.6.4)
};

/// The section [api].
struct ApiConfig {
  Endpoint address{IpAddress::v4(0x7f000001), 8025};  ///< port 0: the system picks one
  std::string public_url;        ///< without a trailing slash; empty: see base_url()
  Signup signup = Signup::open;  ///< who may create accounts
  bool rate_limits = true;       ///< false: for tests and load generators
  bool behind_proxy = false;     ///< a proxy terminates TLS
  CidrSet trusted_proxies = loopback_networks();  ///< used with behind_proxy
  std::vector<std::string> operators;             ///< account ids; empty: the first account
  std::uint64_t connections = 1024;               ///< concurrent HTTP connections
  std::uint64_t requests = 512;                   ///< concurrent; more get 503
  std::uint64_t requests_per_client = 128;        ///< concurrent, per IPv4 address or IPv6 /64
  std::uint64_t requests_per_account = 64;        ///< concurrent, per account
  std::uint64_t waits_per_account = 16;           ///< long polls and streams among them
  Milliseconds idle_timeout = std::chrono::seconds(60);  ///< then an unused connection is closed
  /// From the first octet of a request to its last.
  Milliseconds request_timeout = std::chrono::seconds(20);
  /// Directories whose files restriction lists that are set through the API may name; empty: none.
  std::vector<std::string> table_folders;
  /// Servers that such lists may ask: "inet:127.0.0.1:10023"; empty: none.
  std::vector<std::string> table_services;

  /// public_url, or http://<address>.
  std::string base_url() const;
};

/// The section [traces].
struct TracesConfig {
  Milliseconds keep = std::chrono::hours(24 * 30);  ///< older traces are deleted
  std::uint64_t max_size = 1ull << 30;              ///< octets of the database
};

/// The section [delivery_log].
struct DeliveryLogConfig {
  Milliseconds keep = std::chrono::hours(24 * 30);  ///< older rows are deleted
  std::uint64_t max_size = 1ull << 30;              ///< octets of all records
};

/// The section [inbox].
struct InboxConfig {
  std::uint64_t max_size = 10ull << 30;  ///< octets of all built-in inboxes
};

/// A whole configuration.
struct Config {
  ServerConfig server;                    ///< the process
  ClusterConfig cluster;                  ///< [cluster]
  std::vector<ListenerConfig> listeners;  ///< not empty after a successful load
  LimitsConfig limits;                    ///< of sessions and accounts
  TimeoutsConfig timeouts;                ///< of sessions
  AuthConfig auth;                        ///< SMTP AUTH
  DnsConfig dns;                          ///< name servers
  AuthenticationConfig authentication;    ///< SPF, DKIM, DMARC
  RestrictionsConfig restrictions;        ///< restriction lists
  VslConfig vsl;                          ///< .vsl policy
  LuaConfig lua;                          ///< Lua policy
  RelayConfig relay;                      ///< mail to other hosts
  QueueConfig queue;                      ///< schedule of deliveries
  std::vector<RouteConfig> routes;        ///< in the file's order
  std::vector<EgressConfig> egress;       ///< in the file's order
  WebhooksConfig webhooks;                ///< webhook requests
  ApiConfig api;                          ///< HTTP API and pages
  TracesConfig traces;                    ///< recorded decisions
  DeliveryLogConfig delivery_log;         ///< log of webhook deliveries
  InboxConfig inbox;                      ///< built-in inboxes
  telemetry::LogOptions log;              ///< the program's log
  /// [guardrails]; null: there are none.
  std::shared_ptr<const Guardrails> guardrails;
};

/// Where files of `credential:NAME` are, as LoadCredential= of a unit has it (systemd.exec(5)).
struct CredentialSource {
  std::string id;              ///< ID of `ID:PATH`; empty: `path` has the files by their names
  std::filesystem::path path;  ///< of the file ID, or a directory whose files are ID_FILE
};

/// What loading may read from the machine. Tests change it.
struct LoadOptions {
  bool read_files = true;        ///< opens certificates and keys, loads policies
  bool load_policy = false;      ///< loads policies even without read_files
  bool asks_nobody = false;      ///< scripts ask no other host, neither while they load nor later
  std::uint64_t open_files = 0;  ///< hard limit of RLIMIT_NOFILE; 0: as the system says
  std::string machine_name;      ///< empty: as the system says
  /// Empty: CREDENTIALS_DIRECTORY, which systemd sets for a service.
  std::vector<CredentialSource> credentials = {};
  /// Outside of a service, where credentials cannot be had: the files of the configuration are not
  /// looked at then, which is a note instead of the error T001.
  bool outside_service = false;
  /// Applies the command line, before the final checks; null: nothing.
  std::function<void(Config&)> adjust;
};

/// The result of loading.
struct ConfigResult {
  Config config;            ///< valid only if ok()
  Diagnostics diagnostics;  ///< errors and warnings

  /// Whether there are no errors.
  bool ok() const { return diagnostics.errors() == 0; }
};

/// Loads a file and reports all its errors with their places. C002: the file cannot be read.
/// Blocks.
ConfigResult load_config(const std::filesystem::path& file, const LoadOptions& options = {});
/// The same from a text; `name`: its name in diagnostics.
ConfigResult parse_config(std::string_view text, std::string_view name,
                          const LoadOptions& options = {});
/// The configuration of an empty file.
ConfigResult default_config(const LoadOptions& options = {});

}  // namespace postern::app
