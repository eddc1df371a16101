// The configuration: one TOML file, read once, checked as a whole. A Config that was handed out is
// complete and consistent; nobody downstream checks it again.
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

#include "app/config_lua.h"
#include "app/config_restrictions.h"
#include "app/config_vsl.h"
#include "app/diagnostic.h"
#include "base/ip.h"
#include "gateway/auth_source.h"
#include "net/dnssec.h"
#include "policy/dmarc_rule.h"
#include "smtp/limits.h"
#include "telemetry/log.h"

namespace postern::dialect::kumo {
struct Listener;
}

namespace postern::app {

using Milliseconds = std::chrono::milliseconds;

/// An address and a port. Text: "127.0.0.1:2525", "[::1]:2525".
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// `default_port` 0: the port must be written.
  static Result<Endpoint> parse(std::string_view text, std::uint16_t default_port = 0);
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

enum class TlsMode : std::uint8_t { starttls, implicit, none, required };
enum class ProxyProtocol : std::uint8_t { off, required };
enum class Disposition : std::uint8_t { deliver, discard };
enum class Signup : std::uint8_t { open, closed };
enum class RelayTls : std::uint8_t { none, may, encrypt, verify };
enum class RouteTls : std::uint8_t { policy, none, may, encrypt, verify };
enum class Families : std::uint8_t { both, v4, v6 };
enum class PrivateHosts : std::uint8_t { routes, always, never };
enum class Chunking : std::uint8_t { automatic, off };
enum class Lacking : std::uint8_t { strict, send };  ///< what a next hop does not offer
enum class DmarcDiscovery : std::uint8_t { public_suffix, tree_walk };

struct ServerConfig {
  /// When the file does not set it, load_config() puts the machine's name here.
  std::string hostname = "localhost";
  std::filesystem::path data_dir = "./postern-data";
  std::uint64_t threads = 0;  ///< 0: one a core
  Milliseconds drain_timeout = std::chrono::seconds(30);
  bool core_dumps = false;  ///< read at the start
};

struct ListenerConfig {
  std::string name = "smtp";
  Endpoint address{IpAddress::v4(0x7f000001), 2525};
  TlsMode tls = TlsMode::starttls;
  std::string
      certificate;  ///< PEM file; empty: self-signed, made in data_dir. "credential:" is resolved
  std::string key;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  CidrSet proxy_from;
  CidrSet xclient_from;
  bool auth_without_tls = false;
  bool reject_unauth_pipelining = false;
  Milliseconds pregreet_wait{0};
  std::string banner;  ///< of the greeting, behind the name and ESMTP; empty: "Postern"
  /// By a policy script: what it wants otherwise than the file. Null: the file's.
  std::shared_ptr<const dialect::kumo::Listener> started;
};

CidrSet loopback_networks();

struct LimitsConfig {
  smtp::Limits session;  ///< what smtp::ServerSession counts
  smtp::BareNewline bare_newline = smtp::BareNewline::reject;
  std::uint64_t webhook_recipients = 100;
  Milliseconds error_delay = std::chrono::seconds(1);
  std::uint64_t sessions = 1000;
  std::uint64_t sessions_per_address = 50;     ///< an IPv4 address or IPv6 /64
  std::uint64_t new_sessions_per_minute = 30;  ///< likewise
  CidrSet exempt_networks = loopback_networks();
  std::uint64_t memory = 0;                 ///< octets; 0: a quarter of the machine's memory
  std::uint64_t header_field = 100 * 1024;  ///< octets of one field in a payload
  /// Of one account, as store::AccountLimits.
  std::uint64_t account_policies = 1000;
  std::uint64_t account_credentials = 10'000;
  std::uint64_t account_webhooks = 10'000;
  std::uint64_t account_domains = 200;
  std::uint64_t account_octets = 16u << 20;
  std::uint64_t tables = 256u << 20;  ///< octets of all files that restriction lists name
};

struct TimeoutsConfig {
  Milliseconds command = std::chrono::seconds(300);
  Milliseconds data_block = std::chrono::seconds(180);
  Milliseconds session = std::chrono::hours(1);
  Milliseconds write = std::chrono::seconds(30);
  Milliseconds tls_handshake = std::chrono::seconds(10);
  Milliseconds proxy_header = std::chrono::seconds(5);
  std::uint64_t minimum_rate = 100;  ///< octets a second of message data; 0: none
  Milliseconds minimum_rate_after = std::chrono::seconds(30);
};

struct AuthConfig {
  bool policies = true;  ///< the credentials of webhook policies are asked, after the sources
  std::uint64_t failures_per_address = 10;  ///< in failure_window; 0: no limit
  std::uint64_t failures_per_subnet = 30;   ///< an IPv4 /24 or IPv6 /48
  std::uint64_t failures_per_account = 50;
  Milliseconds failure_window = std::chrono::minutes(10);
  Milliseconds lockout = std::chrono::minutes(10);
  Milliseconds failure_delay = std::chrono::seconds(1);
  std::uint64_t workers = 0;  ///< 0: half the cores, at least one
  std::uint64_t queue = 64;
  Milliseconds wait = std::chrono::seconds(10);           ///< for a hashing thread; then 454
  Milliseconds account_share = std::chrono::seconds(30);  ///< of hashing a minute; 0: no limit
  Milliseconds client_share = std::chrono::seconds(15);
  Milliseconds longest_hash = std::chrono::seconds(3);  ///< a dearer one is refused; 0: no limit
  std::vector<gateway::AuthSource> sources;             ///< asked in this order
};

struct DnsConfig {
  std::vector<Endpoint> servers;  ///< empty: those of /etc/resolv.conf
  net::Dnssec dnssec = net::Dnssec::automatic;
  std::string trust_anchor = "/usr/share/dns/root.key";  ///< of the root
  Milliseconds timeout = std::chrono::seconds(5);
};

struct AuthenticationConfig {
  policy::DmarcRule dmarc = policy::DmarcRule::report;
  DmarcDiscovery dmarc_discovery = DmarcDiscovery::public_suffix;
  std::uint64_t questions = 100;  ///< to DNS, a message
  std::uint64_t signatures = 10;  ///< DKIM, a message
  std::uint64_t dkim_replay_limit = 0;  ///< messages with one signature in 24 h; 0: any number
  Milliseconds decide_within = std::chrono::seconds(20);
  Milliseconds report_within = std::chrono::seconds(5);
};

/// Where mail for other domains goes. What a word means is relay::RoutingConfig's.
struct RelayConfig {
  RelayTls tls = RelayTls::may;
  bool dane = true;
  bool relay_to_literals = false;
  PrivateHosts relay_to_private = PrivateHosts::routes;
  Families families = Families::both;
  std::vector<std::string> self_names;
  std::vector<Endpoint> proxy_addresses;
  std::uint64_t max_hosts = 5;
  std::uint64_t max_addresses_per_host = 4;
  std::uint64_t max_addresses = 10;
  std::uint64_t max_sessions = 3;
  Milliseconds longest_wait = std::chrono::hours(1);
  std::uint64_t postmaster_max_size = std::uint64_t{256} << 20;
};

struct QueueConfig {
  std::uint64_t concurrency = 1000;
  std::uint64_t report_concurrency = 200;
  std::uint64_t webhook_concurrency = 500;
  std::uint64_t folder_concurrency = 50;
  Milliseconds longest_attempt = std::chrono::minutes(20);
  Milliseconds longest_crowded_attempt = std::chrono::minutes(2);
  Milliseconds first_retry = std::chrono::minutes(5);
  Milliseconds longest_retry = std::chrono::hours(4);
  Milliseconds expire = std::chrono::hours(5 * 24);
  Milliseconds expire_null_path = std::chrono::hours(2 * 24);
  Milliseconds delay_notice = std::chrono::hours(4);  ///< 0: never
  bool operator==(const QueueConfig&) const = default;
};

/// One `[[route]]`: read by relay::parse_route().
struct RouteConfig {
  std::vector<std::string> match;  ///< empty: the section says nothing
  std::vector<std::string> to{"mx"};
  RouteTls tls = RouteTls::policy;
  std::vector<std::string> names;
  std::string ca;  ///< PEM file; empty: the system's roots
  std::vector<std::string> tlsa;
  std::string auth_user;
  std::string auth_password;  ///< a file; "credential:" is resolved
  bool auth_insecure = false;
  Chunking chunking = Chunking::automatic;
  Lacking eightbit = Lacking::strict;
  Lacking utf8_headers = Lacking::strict;
  std::uint64_t max_connections = 0;  ///< 0: what the queue has for every destination
  std::uint64_t messages_per_minute = 0;
  std::uint64_t max_recipients = 50;
  std::string egress;  ///< EgressConfig::pool
};

/// One `[[egress]]`: a source address of a pool.
struct EgressConfig {
  std::string pool;  ///< empty: the section says nothing
  std::string name;
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;
  std::string ehlo;
  std::uint64_t weight = 1;
  bool fallback = false;
};

struct WebhooksConfig {
  std::string public_domain = "localhost.localdomain";
  bool allow_http = false;
  CidrSet allow_networks;
  std::vector<std::uint16_t> allow_ports;
  Milliseconds connect_timeout = std::chrono::seconds(5);
  std::uint64_t concurrency = 10;
  std::vector<Milliseconds> retry_schedule{
      std::chrono::seconds(5), std::chrono::minutes(5), std::chrono::minutes(30),
      std::chrono::hours(2),   std::chrono::hours(5),   std::chrono::hours(10),
      std::chrono::hours(14),  std::chrono::hours(20),  std::chrono::hours(24)};
  Disposition disposition = Disposition::deliver;
  bool make_message_id = true;  ///< for messages that come without one
};

struct ApiConfig {
  Endpoint address{IpAddress::v4(0x7f000001), 8025};
  std::string public_url;  ///< without a slash at the end; empty: base_url() says http://<address>
  Signup signup = Signup::open;
  bool rate_limits = true;
  bool behind_proxy = false;
  CidrSet trusted_proxies = loopback_networks();  ///< with behind_proxy
  std::vector<std::string> operators;
  std::uint64_t connections = 1024;
  std::uint64_t requests = 512;  ///< in hand at a time
  std::uint64_t requests_per_client = 128;
  std::uint64_t requests_per_account = 64;
  std::uint64_t waits_per_account = 16;
  Milliseconds idle_timeout = std::chrono::seconds(60);
  Milliseconds request_timeout = std::chrono::seconds(20);
  std::vector<std::string> table_folders;   ///< of files that requests may name
  std::vector<std::string> table_services;  ///< servers that requests may name

  std::string base_url() const;
};

struct TracesConfig {
  Milliseconds keep = std::chrono::hours(24 * 30);
  std::uint64_t max_size = 1ull << 30;
};

struct DeliveryLogConfig {
  Milliseconds keep = std::chrono::hours(24 * 30);
  std::uint64_t max_size = 1ull << 30;
};

struct InboxConfig {
  std::uint64_t max_size = 10ull << 30;
};

struct Config {
  ServerConfig server;
  std::vector<ListenerConfig> listeners;  ///< never empty after a load
  LimitsConfig limits;
  TimeoutsConfig timeouts;
  AuthConfig auth;
  DnsConfig dns;
  AuthenticationConfig authentication;
  RestrictionsConfig restrictions;
  VslConfig vsl;
  LuaConfig lua;
  RelayConfig relay;
  QueueConfig queue;
  std::vector<RouteConfig> routes;
  std::vector<EgressConfig> egress;
  WebhooksConfig webhooks;
  ApiConfig api;
  TracesConfig traces;
  DeliveryLogConfig delivery_log;
  InboxConfig inbox;
  telemetry::LogOptions log;
};

/// What the checks of a load may ask of the machine. Tests set it.
struct LoadOptions {
  bool read_files = true;        ///< open certificates and keys, load the Lua policy
  bool load_policy = false;      ///< load it, though no other files are read
  std::uint64_t open_files = 0;  ///< RLIMIT_NOFILE hard limit; 0: ask the system
  std::string machine_name;      ///< empty: ask the system
  /// What the command line says; runs before the checks of the whole.
  std::function<void(Config&)> adjust;
};

struct ConfigResult {
  Config config;  ///< meaningful only if ok()
  Diagnostics diagnostics;

  bool ok() const { return diagnostics.errors() == 0; }
};

/// Every mistake of the file at once, with its place. A file that cannot be read is C002.
ConfigResult load_config(const std::filesystem::path& file, const LoadOptions& options = {});
/// `name` is what messages call the text.
ConfigResult parse_config(std::string_view text, std::string_view name,
                          const LoadOptions& options = {});
/// The embedded defaults: the result of an empty file.
ConfigResult default_config(const LoadOptions& options = {});

}  // namespace postern::app
