// Checks that concern several keys or the machine.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include <unistd.h>

#include <fmt/format.h>

#include "base/text.h"
#include "config/certificate_files.h"
#include "config/cluster_options.h"
#include "config/config.h"
#include "config/descriptors.h"
#include "config/listener_certificate.h"
#include "config/password_file.h"
#include "config/positions.h"
#include "config/relay_options.h"
#include "config/room_options.h"
#include "config/route_tables.h"
#include "config/routeless.h"
#include "config/schema.h"
#include "dialect/kumo/listener.h"
#include "dialect/restrictions/layer.h"
#include "net/unbound_resolver.h"
#include "policy/crypt_hash.h"

namespace postern::app {

namespace {

using gateway::AuthSource;
using Source = AuthSource::Kind;
using TableRow = dialect::restrictions::Table::Row;

/// A key of [[auth.source]] that only some kinds use.
struct SourceKey {
  std::string_view name;
  std::vector<Source> kinds;
  bool (*written)(const AuthSource& source);  ///< whether it differs from its default
};

const std::vector<SourceKey>& source_keys() {
  static const AuthSource preset;
  static const std::vector<SourceKey> all{
      {"users", {Source::fixed}, [](const AuthSource& s) { return !s.users.empty(); }},
      {"file",
       {Source::fixed, Source::htpasswd, Source::sqlite, Source::dovecot},
       [](const AuthSource& s) { return !s.file.empty(); }},
      {"query",
       {Source::sqlite, Source::postgresql, Source::mysql},
       [](const AuthSource& s) { return !s.query.empty(); }},
      {"servers",
       {Source::postgresql, Source::mysql, Source::ldap},
       [](const AuthSource& s) { return !s.servers.empty(); }},
      {"user",
       {Source::postgresql, Source::mysql, Source::ldap},
       [](const AuthSource& s) { return !s.user.empty(); }},
      {"password",
       {Source::postgresql, Source::mysql, Source::ldap},
       [](const AuthSource& s) { return !s.password.empty(); }},
      {"database",
       {Source::postgresql, Source::mysql},
       [](const AuthSource& s) { return !s.database.empty(); }},
      {"dn", {Source::ldap}, [](const AuthSource& s) { return !s.dn.empty(); }},
      {"base", {Source::ldap}, [](const AuthSource& s) { return !s.base.empty(); }},
      {"filter", {Source::ldap}, [](const AuthSource& s) { return !s.filter.empty(); }},
      {"start_tls", {Source::mysql, Source::ldap}, [](const AuthSource& s) { return s.start_tls; }},
      {"address",
       {Source::vault, Source::introspection},
       [](const AuthSource& s) { return !s.address.empty(); }},
      {"token", {Source::vault}, [](const AuthSource& s) { return !s.token.empty(); }},
      {"mount", {Source::vault}, [](const AuthSource& s) { return s.mount != preset.mount; }},
      {"path", {Source::vault}, [](const AuthSource& s) { return !s.path.empty(); }},
      {"key", {Source::vault}, [](const AuthSource& s) { return s.key != preset.key; }},
      {"client_id",
       {Source::introspection},
       [](const AuthSource& s) { return !s.client_id.empty(); }},
      {"client_secret",
       {Source::introspection},
       [](const AuthSource& s) { return !s.client_secret.empty(); }},
      {"claim",
       {Source::introspection},
       [](const AuthSource& s) { return s.claim != preset.claim; }},
      {"scope", {Source::introspection}, [](const AuthSource& s) { return !s.scope.empty(); }},
      {"audience",
       {Source::introspection},
       [](const AuthSource& s) { return !s.audience.empty(); }},
      {"oauthbearer", {Source::dovecot}, [](const AuthSource& s) { return s.oauthbearer; }},
  };
  return all;
}

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
    check_sleeps();
    check_certificate_rules();
    check_listener_rules();
    check_api();
    check_auth();
    check_secrets();
    check_limits();
    check_dnssec();
    check_cluster();
    check_scripts();
    check_pools();
    const RelayFiles files = options_.read_files ? RelayFiles::named : RelayFiles::none;
    const relay::RelayConfig relay =
        read_relay(config_, files, [&](const RelayComplaint& complaint) {
          add(complaint.path, complaint.code, complaint.message, "", complaint.hint);
        });
    if (options_.read_files) {
      (void)open_route_tables(config_, [&](std::size_t route, std::string trouble) {
        add(fmt::format("route.{}.tables", route), "C050", std::move(trouble), "",
            "name a table as in Postfix: `mysql:/etc/postfix/transport.cf`, "
            "`hash:/etc/postfix/transport`");
      });
    }
    for (const Routeless& one : routeless_domains(config_, relay.routes)) {
      add("restrictions." + one.parameter, "R138", message_of(one), "", hint_of(one),
          Severity::warning);
    }
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
      if (!is_new && (listener.address.port != 0 || !listener.address.passed.empty())) {
        add(path(i, "address"), "C032",
            fmt::format("address {} is used twice", listener.address.to_string()),
            fmt::format("also {}", other->second), "give each its own address or port");
      }
      if (!names.try_emplace(listener.name, i).second) {
        add(path(i, "name"), "C035", fmt::format("two listeners are named `{}`", listener.name), "",
            "give each a different `name`: logs and metrics distinguish listeners by it");
      }
    }
  }

  void check_listener(std::size_t i) {
    const ListenerConfig& listener = config_.listeners[i];
    if (listener.proxy_protocol == ProxyProtocol::required && listener.proxy_from.empty()) {
      add(path(i, "proxy_protocol"), "C030",
          "`proxy_protocol = \"required\"` needs `proxy_from`: any client could claim any address",
          "the networks of the load balancers are missing",
          "write for example `proxy_from = [\"192.0.2.10/32\"]`");
    }
    if (listener.proxy_protocol == ProxyProtocol::off && !listener.proxy_from.empty()) {
      add(path(i, "proxy_from"), "C036",
          "`proxy_from` has no effect while `proxy_protocol` is \"off\"", "",
          "write `proxy_protocol = \"required\"`, or remove `proxy_from`", Severity::warning);
    }
    check_trusted(i, "proxy_from", listener.proxy_from);
    check_trusted(i, "xclient_from", listener.xclient_from);
    check_certificate(i);
    check_clients(i);
  }

  /// A client that waits longer than for its commands would be taken for a lost one.
  void check_sleeps() {
    const auto* lists = config_.restrictions.loaded();
    const auto* policy = lists != nullptr ? lists->compiled.policy.get() : nullptr;
    if (policy == nullptr || policy->longest_sleep <= config_.timeouts.command) return;
    add("restrictions", "R008",
        fmt::format("`sleep {}` is longer than timeouts.command", policy->longest_sleep.count()),
        "", "write a shorter time");
  }

  /// Certificates in lists are those that listeners ask for.
  void check_certificate_rules() {
    const auto* lists = config_.restrictions.loaded();
    const auto* policy = lists != nullptr ? lists->compiled.policy.get() : nullptr;
    if (policy == nullptr) return;
    bool any_trusted = false;
    for (const auto* keyword : policy->used) {
      if (keyword->subject != dialect::restrictions::Subject::certificate) continue;
      any_trusted |= keyword->name == "permit_tls_all_clientcerts";
      if (std::ranges::any_of(config_.listeners, asks_clients)) continue;
      add("restrictions", "R136",
          fmt::format("{} has no effect: no listener asks clients for certificates", keyword->name),
          "", "write `client_certificate = \"ask\"` in a [[listener]] with TLS", Severity::warning);
    }
    if (!any_trusted || !options_.read_files) return;
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
      const ListenerConfig& listener = config_.listeners[i];
      if (!asks_clients(listener)) continue;
      for (const auto& [key, value] :
           {std::pair{"client_ca", &listener.client_ca},
            std::pair{"client_ca_directory", &listener.client_ca_directory}}) {
        if (!net::are_public_authorities(*value)) continue;
        add(path(i, key), "R137",
            fmt::format("permit_tls_all_clientcerts trusts the public authorities of `{}`: anybody "
                        "can have a certificate of theirs, and may send anywhere",
                        key),
            "", "name an authority of your own, or write permit_tls_clientcerts",
            Severity::warning);
      }
    }
  }
  /// A listener that is misspelt in a table is one without the rules that are meant for it.
  void check_listener_rules() {
    const auto* lists = config_.restrictions.loaded();
    const auto* policy = lists != nullptr ? lists->compiled.policy.get() : nullptr;
    if (policy == nullptr) return;
    std::string there;
    for (const ListenerConfig& one : config_.listeners) {
      there += (there.empty() ? "" : ", ") + one.name;
    }
    const auto look_at = [&](const dialect::restrictions::List& rules) {
      for (const auto& rule : rules) {
        const bool asks = rule.keyword != nullptr && rule.table &&
                          rule.keyword->subject == dialect::restrictions::Subject::listener;
        // A table of listeners is short.
        if (!asks || rule.table->is_pattern() || rule.table->rows() > 1000) continue;
        for (const std::string& value : rule.table->values().value_or(std::vector<std::string>())) {
          for (const auto& row :
               rule.table->rows_with(value, 100).value_or(std::vector<TableRow>())) {
            const bool known = std::ranges::any_of(
                config_.listeners, [&](const auto& one) { return iequals(one.name, row.key); });
            if (known) continue;
            add("restrictions." + rule.place.parameter, "R139",
                fmt::format("{}: no listener is called {}", rule.keyword->name,
                            printable(row.key, 64)),
                "", fmt::format("name one of these: {}", printable(there, 300)), Severity::warning);
          }
        }
      }
    };
    for (const auto& rules : policy->lists) look_at(rules);
    for (const auto& [name, rules] : policy->classes) look_at(*rules);
  }
  static bool asks_clients(const ListenerConfig& listener) {
    return listener.client_certificate != gateway::ClientCertificates::no &&
           listener.tls != gateway::ListenerTls::none;
  }

  void check_clients(std::size_t i) {
    using Asks = gateway::ClientCertificates;
    const ListenerConfig& listener = config_.listeners[i];
    const auto without = [&](std::string_view key, const char* hint) {
      add(path(i, key), "C036", fmt::format("`{}` has no effect here", key), "", hint,
          Severity::warning);
    };
    const bool asks = listener.client_certificate != Asks::no;
    if (asks && listener.tls == gateway::ListenerTls::none) {
      without("client_certificate", "write `tls = \"starttls\"`, or remove it");
    }
    if (listener.client_certificate == Asks::require &&
        listener.tls == gateway::ListenerTls::starttls) {
      add(path(i, "client_certificate"), "C036",
          "where TLS may be left out, a certificate is asked for and not required", "",
          "write `tls = \"required\"`, or `client_certificate = \"ask\"`", Severity::warning);
    }
    if (!asks) {
      if (!listener.client_ca.empty()) without("client_ca", "ask for certificates, or remove it");
      if (!listener.client_ca_directory.empty()) {
        without("client_ca_directory", "ask for certificates, or remove it");
      }
    }
    if (!net::is_digest(listener.client_fingerprint_digest)) {
      add(path(i, "client_fingerprint_digest"), "C030",
          fmt::format("no digest is called {}", printable(listener.client_fingerprint_digest, 64)),
          "", "write for example `client_fingerprint_digest = \"sha256\"`");
    } else if (options_.read_files) {
      if (const auto made = client_check_of(listener); !made) {
        add(path(i, listener.client_ca.empty() ? "client_ca_directory" : "client_ca"), "T001",
            made.error().message, "", "name a PEM file of authorities that can be read");
      }
    }
  }

  void check_trusted(std::size_t i, std::string_view key, const CidrSet& networks) {
    for (const Cidr& network : networks.networks()) {
      if (network.prefix() > 0) continue;
      add(path(i, key), "C037",
          fmt::format("`{}` trusts every address: any client may claim any address", key),
          network.to_string(), "name only the networks of the load balancers", Severity::warning);
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
    if (listener.tls == gateway::ListenerTls::none) {
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
    const std::uint64_t sessions = config_.limits.sessions;
    const std::uint64_t needed = least_descriptors(config_, sessions);
    const std::uint64_t files =
        options_.open_files != 0 ? options_.open_files : attainable_descriptors(needed);
    if (needed <= files) return;
    std::uint64_t most = 0;
    for (std::uint64_t too_many = sessions; most + 1 < too_many;) {
      const std::uint64_t middle = most + (too_many - most) / 2;
      (least_descriptors(config_, middle) <= files ? most : too_many) = middle;
    }
    add("limits.sessions", "C034",
        fmt::format("{} sessions, {} API connections and the queue's deliveries need {} open "
                    "files, and the hard limit is {}",
                    sessions, config_.api.connections, needed, files),
        most > 0
            ? fmt::format("{} is the most here", most)
            : std::string("no session fits: the API's connections and requests, look-ups in DNS "
                          "and the gateway itself need more than that"),
        fmt::format(
            "raise it (`ulimit -Hn {}`, or LimitNOFILE={} in the unit; {} has room for a "
            "message of each session at once), or write {}",
            needed, needed, wanted_descriptors(config_),
            most > 0 ? fmt::format("`sessions = {}` below `[limits]`", most)
                     : std::string("fewer `connections` and `requests` below `[api]`, and then as "
                                   "many sessions as the next check says")));
  }

  void check_api() {
    check_proxies();
    check_places();
    check_names();
    const Endpoint& api = config_.api.address;
    const bool known = api.passed.empty() || api.port != 0;  // `postern check` has no sockets
    if (!known || api.address.is_loopback() || config_.api.behind_proxy) return;
    add("api.address", "C033",
        fmt::format("API address {} is reachable from outside without TLS: passwords and tokens "
                    "would cross the network in clear",
                    config_.api.address.to_string()),
        "not a loopback address",
        "put a TLS proxy in front and write `behind_proxy = true` below `[api]`, or listen on "
        "127.0.0.1");
  }

  void no_effect(const std::string& path, std::string message, std::string hint) {
    add(path, "C036", std::move(message), "", std::move(hint), Severity::warning);
  }

  void check_source_keys(const AuthSource& source, const std::string& path) {
    for (const SourceKey& key : source_keys()) {
      if (!key.written(source) || std::ranges::find(key.kinds, source.kind) != key.kinds.end())
        continue;
      std::string kinds;
      for (const Source kind : key.kinds) {
        kinds += (kinds.empty() ? "" : ", ") + fmt::format("\"{}\"", gateway::to_string(kind));
      }
      const std::string at = fmt::format("{}.{}", path, key.name);
      if (source.kind == Source::none) {
        no_effect(at, fmt::format("`{}` has no effect: the source has no `kind`", key.name),
                  fmt::format("write for example `kind = \"{}\"`",
                              gateway::to_string(key.kinds.front())));
      } else {
        no_effect(at,
                  fmt::format("`{}` has no effect with kind \"{}\"", key.name,
                              gateway::to_string(source.kind)),
                  fmt::format("it is for kind {}", kinds));
      }
    }
  }

  void check_scripts() {
    const LuaConfig& lua = config_.lua;
    if (!lua.policy.empty()) return;
    const struct {
      std::string_view key;
      bool written;
    } keys[] = {{"relay_to", !lua.relay_to.empty()},
                {"relay_hosts", !lua.relay_hosts.networks().empty()},
                {"read", !lua.read.empty()},
                {"ca", !lua.ca.empty()}};
    for (const auto& [key, written] : keys) {
      if (!written) continue;
      no_effect(fmt::format("lua.{}", key), fmt::format("`{}` has no effect without `policy`", key),
                "write `policy = \"policy.lua\"` below `[lua]`, or remove it");
    }
  }

  void check_pools() {
    std::vector<std::string_view> used;
    for (const RouteConfig& route : config_.routes) used.push_back(route.egress);
    for (std::size_t i = 0; i < config_.egress.size(); ++i) {
      const std::string& pool = config_.egress[i].pool;
      const EgressConfig& one = config_.egress[i];
      if (pool.empty() || (!one.v4 && !one.v6) || std::ranges::find(used, pool) != used.end())
        continue;
      used.push_back(pool);  // reported once
      no_effect(fmt::format("egress.{}.pool", i),
                fmt::format("no route sends from the pool `{}`", printable(pool, 64)),
                fmt::format("write `egress = \"{}\"` in a [[route]]", printable(pool, 64)));
    }
  }

  void check_names() {
    for (const std::string& account : config_.api.operators) {
      if (account.starts_with("acc_")) continue;
      no_effect("api.operators",
                fmt::format("`{}` is not the id of an account", printable(account, 64)),
                "ids begin with `acc_`: GET /accounts/me and the account's page show them");
    }
    if (!options_.read_files) return;
    for (const std::string& folder : config_.api.table_folders) {
      std::error_code trouble;
      if (std::filesystem::is_directory(folder, trouble)) continue;
      no_effect("api.table_folders",
                fmt::format("the folder {} does not exist: no file in it can be named",
                            printable(folder, 200)),
                "create it, or name another");
    }
  }

  void check_proxies() {
    const ApiConfig& api = config_.api;
    const auto text = [](const Cidr& network) { return network.to_string(); };
    // The written default needs no report.
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
          "`trusted_proxies` trusts every address: any client may claim any address",
          network.to_string(), "name only the networks of the proxies", Severity::warning);
    }
  }

  /// New connections must be accepted even if all places for requests are taken.
  void check_places() {
    // net::HttpLimits::reserve, and some that open and close.
    constexpr std::uint64_t spare = 16 + 8;
    const ApiConfig& api = config_.api;
    if (api.connections >= api.requests + spare) return;
    const std::string key = positions_.has("api.requests") ? "api.requests" : "api.connections";
    add(key, "C039",
        fmt::format("{} API connections are too few for {} requests in progress: when all of them "
                    "have a request, no other client can connect, not even for /healthz",
                    api.connections, api.requests),
        "", fmt::format("write `connections = {}` or more", api.requests + spare));
  }

  void check_auth() {
    policy::set_longest_hash(config_.auth.longest_hash);
    for (std::size_t i = 0; i < config_.auth.sources.size(); ++i) {
      const std::string path = fmt::format("auth.source.{}", i);
      check_source_keys(config_.auth.sources[i], path);
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

  void check_cluster() {
    const ClusterConfig& given = config_.cluster;
    if (given.database.empty()) return;
    const auto options = cluster_options(given, options_.read_files);
    if (!options && options.error().fault == Fault::malformed) {
      add("cluster.database", "C062", "`database`: " + options.error().message, "",
          "write for example `database = \"postgresql://postern@pg1,pg2,pg3/postern\"`");
      return;
    }
    if (!options) {
      add("cluster.password_file", "C062", "`password_file`: " + options.error().message, "",
          "put the password there on one line, in a file that the gateway's user can read");
    }
    if (!options_.read_files) return;
    if (const std::string& key = given.seal_key_file; !key.empty()) {
      if (const Result<Secret> read = secrets_in(key); !read) {
        add("cluster.seal_key_file", "C062", "`seal_key_file`: " + read.error().message, "",
            "bring a copy of the file of the other gateways; `postern cluster init` makes the "
            "first one");
      }
    }
    for (const auto& [keyword, path] : cluster::files_of(given.database)) {
      if (::access(path.c_str(), R_OK) == 0) continue;
      const int trouble = errno;
      add("cluster.database", "C062",
          fmt::format("`database`: cannot read the file of `{}`, {}: {}", keyword,
                      printable(path, 200), std::strerror(trouble)),
          "",
          trouble == ENOENT
              ? fmt::format("put it there, or correct `{}=`", keyword)
              : fmt::format("let the gateway's user read it; this process is uid {}", ::geteuid()));
    }
  }

  /// Files that hold a secret and nothing else.
  void check_secrets() {
    if (!options_.read_files) return;
    for (const auto& [at, file] : named_paths(config_, Kind::secret)) {
      std::error_code error;
      const auto status = std::filesystem::status(file, error);
      if (error || !std::filesystem::is_regular_file(status)) continue;
      const auto others = status.permissions() & std::filesystem::perms::others_read;
      if (others == std::filesystem::perms::none) continue;
      add(at, "C041",
          fmt::format("every user of this machine can read {}", printable(file.string(), 200)), "",
          "`chmod 600` it for the gateway's user, or let systemd pass it: `credential:NAME`",
          Severity::warning);
    }
  }

  /// RFC 5321 §4.5.3.1: the minimum sizes that a server must accept.
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
