// The checks that need more than one key, or the machine.
#include <algorithm>
#include <map>

#include <sys/resource.h>

#include <fmt/format.h>

#include "app/certificate_files.h"
#include "app/config.h"
#include "app/config_positions.h"
#include "app/descriptors.h"
#include "app/relay_options.h"
#include "app/room_options.h"
#include "dialect/kumo/listener.h"
#include "net/unbound_resolver.h"
#include "policy/crypt_hash.h"

namespace postern::app {

namespace {

class Checker {
 public:
  Checker(const Config& config, const LoadOptions& options, const Positions& positions,
          Diagnostics& diagnostics)
      : config_(config), options_(options), positions_(positions), diagnostics_(diagnostics) {}

  void run() {
    check_addresses();
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) check_listener(i);
    check_virtual_domains();
    check_sessions();
    check_api();
    check_auth();
    check_limits();
    check_dnssec();
    const RelayFiles files = options_.read_files ? RelayFiles::named : RelayFiles::none;
    read_relay(config_, files, [&](const RelayComplaint& complaint) {
      add(complaint.path, complaint.code, complaint.message, "", complaint.hint);
    });
  }

 private:
  void add(const std::string& path, std::string code, std::string message, std::string label,
           std::string hint, Severity severity = Severity::error) {
    Diagnostic diagnostic = positions_.at(path, std::move(code), std::move(message));
    diagnostic.severity = severity;
    diagnostic.label = std::move(label);
    diagnostic.hint = std::move(hint);
    diagnostics_.add(std::move(diagnostic));
  }

  static std::string path(std::size_t listener, std::string_view key) {
    return fmt::format("listener.{}.{}", listener, key);
  }

  void check_addresses() {
    std::map<Endpoint, std::string> taken{{config_.api.address, "api.address"}};
    std::map<std::string, std::size_t> names;
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
      const ListenerConfig& listener = config_.listeners[i];
      const auto [other, is_new] = taken.try_emplace(listener.address, path(i, "address"));
      if (!is_new && listener.address.port != 0) {
        add(path(i, "address"), "C032",
            fmt::format("address {} is used twice", listener.address.to_string()),
            fmt::format("also {}", other->second), "give each its own address or port");
      }
      if (!names.try_emplace(listener.name, i).second) {
        add(path(i, "name"), "C035", fmt::format("two listeners are named `{}`", listener.name), "",
            "give each a `name` of its own: logs and metrics tell them apart by it");
      }
    }
  }

  void check_listener(std::size_t i) {
    const ListenerConfig& listener = config_.listeners[i];
    if (listener.proxy_protocol == ProxyProtocol::required && listener.proxy_from.empty()) {
      add(path(i, "proxy_protocol"), "C030",
          "`proxy_protocol = \"required\"` needs `proxy_from`: anybody could claim any address",
          "which peers are the balancers?", "write for example `proxy_from = [\"192.0.2.10/32\"]`");
    }
    if (listener.proxy_protocol == ProxyProtocol::off && !listener.proxy_from.empty()) {
      add(path(i, "proxy_from"), "C036",
          "`proxy_from` has no effect while `proxy_protocol` is \"off\"", "",
          "write `proxy_protocol = \"required\"`, or remove `proxy_from`", Severity::warning);
    }
    check_trusted(i, "proxy_from", listener.proxy_from);
    check_trusted(i, "xclient_from", listener.xclient_from);
    check_certificate(i);
  }

  void check_trusted(std::size_t i, std::string_view key, const CidrSet& networks) {
    for (const Cidr& network : networks.networks()) {
      if (network.prefix() > 0) continue;
      add(path(i, key), "C037",
          fmt::format("`{}` trusts every address: who connects may claim to be anybody", key),
          network.to_string(), "name the balancers' own networks", Severity::warning);
    }
  }

  void check_certificate(std::size_t i) {
    const ListenerConfig& listener = config_.listeners[i];
    if (listener.certificate.empty() != listener.key.empty()) {
      const std::string_view there = listener.key.empty() ? "certificate" : "key";
      const std::string_view missing = listener.key.empty() ? "key" : "certificate";
      add(path(i, there), "C031", fmt::format("`{}` without `{}`", there, missing), "",
          fmt::format("add `{} = \"/etc/postern/{}.pem\"`", missing, missing));
      return;
    }
    if (listener.certificate.empty()) return;
    if (listener.tls == TlsMode::none) {
      add(path(i, "certificate"), "C036", "`certificate` has no effect with `tls = \"none\"`", "",
          "write `tls = \"starttls\"`, or remove certificate and key", Severity::warning);
    }
    const bool own_name = listener.started && !listener.started->hostname.empty();
    read_certificate(fmt::format("listener.{}", i), listener.certificate, listener.key,
                     own_name ? listener.started->hostname : config_.server.hostname);
  }

  void check_virtual_domains() {
    for (std::size_t i = 0; i < config_.vsl.virtual_domains.size(); ++i) {
      const VslVirtual& one = config_.vsl.virtual_domains[i];
      if (one.domain.empty() || one.certificate.empty()) continue;
      read_certificate(fmt::format("vsl.virtual.{}", i), one.certificate, one.key, one.domain);
    }
  }

  void read_certificate(const std::string& section, const std::string& certificate,
                        const std::string& key, const std::string& host) {
    if (!options_.read_files) return;
    for (const FileComplaint& complaint : check_certificate_files(certificate, key, host)) {
      add(fmt::format("{}.{}", section, complaint.key), complaint.code, complaint.message, "",
          complaint.hint, complaint.fatal ? Severity::error : Severity::warning);
    }
  }

  void check_sessions() {
    std::uint64_t files = options_.open_files;
    if (files == 0) {
      rlimit limit{};
      if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return;
      files = limit.rlim_max;
    }
    const std::uint64_t of_deliveries = least_descriptors_of_deliveries(files);
    const std::uint64_t promised = promised_descriptors(config_);
    if (promised + of_deliveries <= files) return;
    const std::uint64_t over = promised + of_deliveries - files;
    const std::uint64_t fewer = (over + 3) / 4;  // a session has four
    const std::uint64_t most =
        config_.limits.sessions > fewer ? config_.limits.sessions - fewer : 0;
    const std::uint64_t needed = (promised * 8 + 6) / 7;
    add("limits.sessions", "C034",
        fmt::format("{} sessions, {} API connections and the queue's deliveries need {} open "
                    "files, and the hard limit is {}",
                    config_.limits.sessions, config_.api.connections, needed, files),
        fmt::format("{} is the most here", most),
        fmt::format("raise it (`ulimit -Hn {}`, or LimitNOFILE={} in the unit), or write {}",
                    needed, needed,
                    most > 0 ? fmt::format("`sessions = {}` below `[limits]`", most)
                             : std::string("fewer `connections` and `requests` below `[api]`")));
  }

  void check_api() {
    check_proxies();
    check_places();
    if (config_.api.address.address.is_loopback() || config_.api.behind_proxy) return;
    add("api.address", "C033",
        fmt::format("API address {} is reachable from outside without TLS: passwords and tokens "
                    "would cross the network in clear",
                    config_.api.address.to_string()),
        "not a loopback address",
        "put a TLS proxy in front and write `behind_proxy = true` below `[api]`, or listen on "
        "127.0.0.1");
  }

  void check_proxies() {
    const ApiConfig& api = config_.api;
    const auto text = [](const Cidr& network) { return network.to_string(); };
    // The default, written out, asks for nothing.
    const bool written =
        positions_.has("api.trusted_proxies") &&
        !std::ranges::equal(api.trusted_proxies.networks(), ApiConfig().trusted_proxies.networks(),
                            {}, text, text);
    if (written && !api.behind_proxy) {
      add("api.trusted_proxies", "C036",
          "`trusted_proxies` has no effect while `behind_proxy` is false", "",
          "write `behind_proxy = true`, or remove `trusted_proxies`", Severity::warning);
    }
    if (api.behind_proxy && api.public_url.empty()) {
      add("api.behind_proxy", "C040",
          fmt::format("without `public_url`, links to attachments and invitations begin with {}",
                      api.base_url()),
          "the address behind the proxy",
          "write the proxy's address, for example `public_url = \"https://mail.example.com\"`",
          Severity::warning);
    }
    for (const Cidr& network : api.trusted_proxies.networks()) {
      if (network.prefix() > 0) continue;
      add("api.trusted_proxies", "C037",
          "`trusted_proxies` trusts every address: who connects may claim to be anybody",
          network.to_string(), "name the proxies' own networks", Severity::warning);
    }
  }

  /// Whoever connects must be heard, also when every request's place is taken.
  void check_places() {
    constexpr std::uint64_t spare = 16 + 8;  // net::HttpLimits::reserve, and some to come and go
    const ApiConfig& api = config_.api;
    if (api.connections >= api.requests + spare) return;
    const std::string key = positions_.has("api.requests") ? "api.requests" : "api.connections";
    add(key, "C039",
        fmt::format("{} API connections are too few for {} requests in hand: when all have a "
                    "request, nobody else can connect, not even for /healthz",
                    api.connections, api.requests),
        "", fmt::format("write `connections = {}` or more", api.requests + spare));
  }

  void check_auth() {
    policy::set_longest_hash(config_.auth.longest_hash);
    for (std::size_t i = 0; i < config_.auth.sources.size(); ++i) {
      const std::string path = fmt::format("auth.source.{}", i);
      for (const gateway::AuthSourceComplaint& complaint : gateway::complaints_of(
               config_.auth.sources[i],
               options_.read_files ? gateway::AuthFiles::read : gateway::AuthFiles::none)) {
        const std::string key = fmt::format("{}.{}", path, complaint.key);
        add(positions_.has(key) ? key : path, "C060", complaint.message, "",
            "see docs/auth.md, which has an example of each kind");
      }
    }
  }

  void check_dnssec() {
    if (!options_.read_files) return;
    const DnsConfig& dns = config_.dns;
    if (dns.dnssec == net::Dnssec::validate) {
      if (const auto trouble = net::trust_anchor_trouble(dns.trust_anchor)) {
        add(positions_.has("dns.trust_anchor") ? "dns.trust_anchor" : "dns.dnssec", "C061",
            "`dnssec = \"validate\"`: " + *trouble, "",
            "install the package dns-root-data, or name the file with `trust_anchor`");
      }
    }
    if (dns.dnssec == net::Dnssec::trust_ad) {
      const auto servers = net::name_servers(resolver_options(config_));
      if (!servers || servers->empty()) {
        add("dns.dnssec", "C061",
            "`dnssec = \"trust-ad\"` without a name server that could be trusted", "",
            "write for example `servers = [\"127.0.0.1\"]`");
      }
    }
  }

  /// RFC 5321 §4.5.3.1 names sizes a server must be able to take.
  void check_limits() {
    const smtp::Limits& session = config_.limits.session;
    warn_below("recipients", session.recipients, 100, "RFC 5321 §4.5.3.1.8");
    warn_below("command_line", session.command_line, 512, "RFC 5321 §4.5.3.1.4");
    warn_below("text_line", session.text_line, 1000, "RFC 5321 §4.5.3.1.6");
    warn_below("message_size", session.message_size, 64u << 10, "RFC 5321 §4.5.3.1.7");
    if (session.soft_errors > session.errors) {
      add("limits.soft_errors", "C036",
          fmt::format("`soft_errors` {} is never reached: a session ends after {} errors",
                      session.soft_errors, session.errors),
          "", "choose a number below `errors`", Severity::warning);
    }
  }

  void warn_below(std::string_view key, std::uint64_t value, std::uint64_t least,
                  std::string_view source) {
    if (value >= least) return;
    add(fmt::format("limits.{}", key), "C038",
        fmt::format("`{} = {}` is less than the {} that {} asks a server to take", key, value,
                    least, source),
        "", fmt::format("write `{} = {}` or more", key, least), Severity::warning);
  }

  const Config& config_;
  const LoadOptions& options_;
  const Positions& positions_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_config(const Config& config, const LoadOptions& options, const Positions& positions,
                  Diagnostics& diagnostics) {
  Checker(config, options, positions, diagnostics).run();
}

}  // namespace postern::app
