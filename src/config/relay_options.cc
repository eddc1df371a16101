#include "config/relay_options.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <ranges>
#include <sstream>

#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/text.h"
#include "config/password_file.h"
#include "dialect/kumo/listener.h"
#include "relay/destination.h"
#include "relay/tls_policy.h"

namespace postern::app {

std::vector<IpAddress> machine_addresses() {
  std::vector<IpAddress> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    if (each->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
      out.push_back(IpAddress::v4(ntohl(v4->sin_addr.s_addr)));
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
      std::array<std::uint8_t, 16> octets{};
      std::copy_n(v6->sin6_addr.s6_addr, octets.size(), octets.begin());
      out.push_back(IpAddress::v6(octets));
    }
  }
  freeifaddrs(list);
  return out;
}

bool is_wildcard(const IpAddress& address) {
  const std::string_view octets = address.octets();
  return std::all_of(octets.begin(), octets.end(), [](char c) { return c == 0; });
}

namespace {

std::vector<relay::Endpoint> our_endpoints(const Config& config) {
  std::vector<relay::Endpoint> out;
  for (const ListenerConfig& listener : config.listeners) {
    const Endpoint& at = listener.address;
    if (at.port == 0) continue;
    if (!is_wildcard(at.address)) {
      out.push_back({at.address, at.port});
      continue;
    }
    for (const IpAddress& address : machine_addresses()) {
      if (address.is_v4() || !at.address.is_v4()) out.push_back({address, at.port});
    }
  }
  for (const Endpoint& each : config.relay.proxy_addresses)
    out.push_back({each.address, each.port});
  return out;
}

relay::RoutingConfig routing_of(const Config& config) {
  const RelayConfig& given = config.relay;
  relay::RoutingConfig out;
  out.hostname = config.server.hostname;
  out.self_names = given.self_names;
  out.self = our_endpoints(config);
  out.ipv4 = given.families != Families::v6;
  out.ipv6 = given.families != Families::v4;
  out.literals = given.relay_to_literals;
  if (given.relay_to_private != PrivateHosts::routes)
    out.private_addresses = given.relay_to_private == PrivateHosts::always;
  out.dane = given.dane;
  out.default_tls = given.tls;
  return out;
}

class RelayReader {
 public:
  RelayReader(const Config& config, RelayFiles files,
              const std::function<void(RelayComplaint)>& complain)
      : config_(config), files_(files), complain_(complain) {}

  relay::RelayConfig read() {
    out_.routing = routing_of(config_);
    const RelayConfig& given = config_.relay;
    out_.limits = {.max_hosts = given.max_hosts,
                   .max_addresses_per_host = given.max_addresses_per_host,
                   .max_addresses = given.max_addresses,
                   .max_sessions = given.max_sessions};
    out_.longest_wait = given.longest_wait;
    const auto below = std::filesystem::absolute(config_.server.data_dir);
    out_.maildir_path = (below / config_.vsl.maildir).string();
    out_.mbox_path = (below / config_.vsl.mbox).string();
    read_pools();
    out_.settings.front().tls = roots("");
    for (at_ = 0; at_ < config_.routes.size(); ++at_) read_route(config_.routes[at_]);
    check_senders();
    add_postmaster(config_.server.hostname);
    for (const auto& [listener, hostname] : listener_hostnames(config_)) add_postmaster(hostname);
    return std::move(out_);
  }

 private:
  void complain(std::string_view key, std::string message, std::string hint,
                std::string_view code = "C050") {
    complain_({fmt::format("route.{}.{}", at_, key), std::string(code), std::move(message),
               std::move(hint)});
  }

  void read_pools();
  void read_route(const RouteConfig& given);
  void add(const RouteConfig& given, const relay::Route& route);
  void add_postmaster(const std::string& hostname);
  bool add(const RouteConfig& given, const std::string& key, const Result<void>& added,
           const relay::Route& route);
  void check_senders();
  void check_fallback(const RouteConfig& given, const relay::Route& route);
  void check_tables(const relay::Route& route);
  void check_self(std::string_view key, const std::vector<std::vector<relay::RouteHost>>& hosts);
  void check_verify(const RouteConfig& given, const relay::Route& route);
  relay::RouteSettings settings_of(const RouteConfig& given);
  void read_login(const RouteConfig& given, relay::RouteSettings& into);
  std::shared_ptr<const net::TlsClientContext> roots(const std::string& file);

  const Config& config_;
  RelayFiles files_;
  const std::function<void(RelayComplaint)>& complain_;
  relay::RelayConfig out_;
  std::size_t at_ = 0;
  std::map<std::string, std::shared_ptr<relay::EgressPool>, std::less<>> pools_;
  std::map<std::string, std::shared_ptr<const net::TlsClientContext>> roots_;
};

void RelayReader::read_pools() {
  for (std::size_t i = 0; i < config_.egress.size(); ++i) {
    const EgressConfig& given = config_.egress[i];
    const auto refuse = [&](std::string_view key, std::string message, std::string hint) {
      complain_({fmt::format("egress.{}.{}", i, key), "C052", std::move(message), std::move(hint)});
    };
    if (given.v4 && !given.v4->is_v4()) refuse("v4", "`v4` is an IPv6 address", "write it as `v6`");
    if (given.v6 && given.v6->is_v4()) refuse("v6", "`v6` is an IPv4 address", "write it as `v4`");
    if (given.pool.empty()) {
      if (given.v4 || given.v6)
        refuse("pool", "a source address without a pool", "write `pool = \"main\"`");
      continue;
    }
    if (!given.v4 && !given.v6) {
      refuse("pool", "a source without an address", "write `v4 = \"192.0.2.1\"`, or `v6`, or both");
      continue;
    }
    auto& pool = pools_[given.pool];
    if (pool == nullptr) pool = std::make_shared<relay::EgressPool>();
    pool->name = given.pool;
    pool->fallback |= given.fallback;
    pool->sources.push_back(
        {.name = given.name.empty() ? (given.v4 ? *given.v4 : *given.v6).to_string() : given.name,
         .v4 = given.v4,
         .v6 = given.v6,
         .ehlo = given.ehlo,
         .weight = static_cast<std::uint32_t>(given.weight)});
  }
}

void RelayReader::read_route(const RouteConfig& given) {
  auto route = relay::parse_route(given.to);
  if (!route) {
    return complain("to", "`to`: " + route.error().message,
                    "write for example `to = [\"mx.example.com\"]`, `[\"[192.0.2.1]:2525\"]`, "
                    "`[\"mx\"]` or `[\"error:550 5.7.1 not here\"]`");
  }
  if (given.match.empty()) {
    if (given.to != RouteConfig().to)
      complain("to", "a route without recipients", "add `match = [\"example.org\"]`, or `[\"*\"]`");
    return;
  }
  auto fallback = relay::parse_hosts(given.fallback);
  if (!fallback) {
    return complain("fallback", "`fallback`: " + fallback.error().message,
                    "name hosts as in `to`: `fallback = [\"mx.example.com\"]`");
  }
  route->fallback = std::move(*fallback);
  route->tables = given.tables;
  if (given.tls) route->tls = given.tls;
  route->names = given.names;
  route->settings = out_.settings.size();
  check_self("to", route->hosts);
  check_self("fallback", route->fallback);
  check_verify(given, *route);
  check_fallback(given, *route);
  check_tables(*route);
  out_.settings.push_back(settings_of(given));
  add(given, *route);
}

void RelayReader::add(const RouteConfig& given, const relay::Route& route) {
  for (const std::string& key : given.match) {
    if (given.sender.empty()) {
      add(given, key, out_.routes.add(key, route), route);
      continue;
    }
    for (const std::string& sender : given.sender) {
      if (!add(given, key, out_.routes.add(key, sender, route), route)) break;
    }
  }
}

bool RelayReader::add(const RouteConfig& given, const std::string& key, const Result<void>& added,
                      const relay::Route& route) {
  if (added) {
    relay::add_limits(out_, key, route);
    return true;
  }
  complain(given.sender.empty() ? "match" : "sender",
           (given.sender.empty() ? "`match`: " : "`match`, `sender`: ") + added.error().message,
           "a recipient `ann@example.org`, a domain `example.org`, all below it `.example.org`, "
           "or `*`; a sender `ann@example.org`, a domain, or `<>`; each pair in one route only");
  return false;
}

/// A recipient is refused in RCPT for all senders or for none, so a route for some senders cannot
/// refuse, nor be an exception to one that does. A folder is chosen when the mail is accepted.
void RelayReader::check_senders() {
  for (at_ = 0; at_ < config_.routes.size(); ++at_) {
    const RouteConfig& given = config_.routes[at_];
    if (given.sender.empty() || given.match.empty()) continue;
    const auto own = relay::parse_route(given.to);
    if (!own) continue;
    if (own->kind == relay::Route::Kind::error || own->kind == relay::Route::Kind::maildir) {
      complain("sender", "`sender` with `error:` or `maildir:`",
               "a policy refuses senders; a route by sender leads to hosts, `mx` or `discard`");
      continue;
    }
    for (const std::string& key : given.match) {
      const std::size_t at = key.rfind('@');
      const std::string local(key.substr(0, at == std::string::npos ? 0 : at));
      const std::string written = at == std::string::npos ? key : key.substr(at + 1);
      const bool parent = written.starts_with('.');
      const auto domain = mail::Domain::parse(parent ? written.substr(1) : written);
      const std::string asked = !domain ? "" : (parent ? "any." : "") + domain->text();
      const relay::Route& others = out_.routes.find(local, asked, relay::any_sender);
      const bool refuses = others.kind == relay::Route::Kind::error && others.refusal.code >= 500 &&
                           others.tables.empty();
      if (!refuses) continue;
      complain("sender",
               fmt::format("`sender`: mail for {} from other senders is refused by the "
                           "route that applies to it",
                           printable(key, 100)),
               "say in the policy who may send there, and let the route of all senders lead to a "
               "host");
      break;
    }
  }
}

/// Tables have next hops in place of those of a route.
void RelayReader::check_tables(const relay::Route& route) {
  if (route.tables.empty()) return;
  if (route.kind == relay::Route::Kind::maildir || route.kind == relay::Route::Kind::discard) {
    complain("tables",
             "`tables` with `maildir:` or `discard`, which happen when the mail is accepted",
             "`to` is for mail that no row is about: `[\"mx\"]`, hosts, or `error:`");
  }
}

/// What a fallback host cannot have.
void RelayReader::check_fallback(const RouteConfig& given, const relay::Route& route) {
  if (route.fallback.empty()) return;
  if (route.kind != relay::Route::Kind::hosts && route.kind != relay::Route::Kind::mx) {
    complain("fallback", "`fallback` of a route that leads to no host",
             "remove it, or name hosts or `mx` in `to`");
  }
  if (!given.tlsa.empty()) {
    complain("fallback",
             "`fallback` with `tlsa`: these certificates are those of the hosts of `to`",
             "write `tls = \"verify\"` instead of `tlsa`, or remove `fallback`");
  }
  const bool by_address = std::ranges::any_of(route.fallback, [](const auto& group) {
    return std::ranges::any_of(group, [](const auto& host) { return host.address.has_value(); });
  });
  if (given.tls == relay::TlsLevel::verify && by_address) {
    complain("fallback", "`tls = \"verify\"` with a fallback host that has no name to verify",
             "name the host; `names` are those of the hosts of `to`");
  }
}

/// RFC 5321 §4.5.1: mail to <postmaster> and to postmaster at our host name is accepted. Without a
/// route, the MX look-up would lead back to this host.
void RelayReader::add_postmaster(const std::string& hostname) {
  const relay::Route& written = out_.routes.find("postmaster", hostname, relay::any_sender);
  if (!written.is_default()) return;
  (void)out_.routes.add("postmaster@" + hostname,
                        {.kind = relay::Route::Kind::maildir, .path = postmaster_folder(config_)});
}

/// A route to this host itself would be a mail loop.
void RelayReader::check_self(std::string_view key,
                             const std::vector<std::vector<relay::RouteHost>>& hosts) {
  for (const auto& group : hosts) {
    for (const relay::RouteHost& host : group) {
      const bool ours = host.address ? relay::is_self(out_.routing, *host.address, host.port)
                                     : relay::is_self(out_.routing, host.name, host.port);
      if (!ours) continue;
      complain(key, fmt::format("`{}`: {}:{} is this gateway", key, host.name, host.port),
               "mail would come back; name the host that is meant, or another port", "C051");
    }
  }
}

/// `verify` needs something to verify, and `tlsa` needs TLS.
void RelayReader::check_verify(const RouteConfig& given, const relay::Route& route) {
  const bool by_address =
      std::any_of(route.hosts.begin(), route.hosts.end(), [](const auto& group) {
        return std::any_of(group.begin(), group.end(),
                           [](const relay::RouteHost& host) { return host.address.has_value(); });
      });
  if (given.tls == relay::TlsLevel::verify && by_address && given.names.empty() &&
      given.tlsa.empty()) {
    complain("tls", "`tls = \"verify\"` with a host that has no name to verify",
             "add `names = [\"mx.example.com\"]`, the name in its certificate");
  }
  if (given.tls == relay::TlsLevel::none && !given.tlsa.empty()) {
    complain("tlsa", "`tlsa` without TLS: this route has `tls = \"none\"`",
             "write `tls = \"encrypt\"`, or remove one of them");
  }
  for (const std::string& record : given.tlsa) {
    if (relay::is_usable_tlsa(record)) continue;
    complain("tlsa", fmt::format("`tlsa`: {} cannot be verified by", printable(record, 100)),
             "usage 2 or 3, selector 0 or 1, matching 0, 1 or 2 and the data in hex: `3 1 1` and "
             "the SHA-256 of the public key (RFC 7672 §3.1)");
  }
}

relay::RouteSettings RelayReader::settings_of(const RouteConfig& given) {
  relay::RouteSettings out;
  constexpr std::size_t shown = 3;
  out.name = fmt::format("{}", fmt::join(given.match | std::views::take(shown), ", "));
  if (given.match.size() > shown)
    out.name += fmt::format(" and {} more", given.match.size() - shown);
  if (!given.sender.empty()) {
    out.name += fmt::format(" from {}", fmt::join(given.sender | std::views::take(shown), ", "));
    if (given.sender.size() > shown)
      out.name += fmt::format(" and {} more", given.sender.size() - shown);
  }
  out.tls = roots(given.ca);
  out.tlsa = given.tlsa;
  out.auth_insecure = given.auth_insecure;
  out.chunking = given.chunking == Chunking::automatic;
  out.send_8bit = given.eightbit == Lacking::send;
  out.send_utf8_headers = given.utf8_headers == Lacking::send;
  out.max_recipients = given.max_recipients;
  out.limits.messages_per_minute = static_cast<std::uint32_t>(given.messages_per_minute);
  if (given.max_connections > 0)
    out.limits.max_connections = static_cast<std::uint32_t>(given.max_connections);
  read_login(given, out);
  if (!given.egress.empty()) {
    const auto pool = pools_.find(given.egress);
    if (pool == pools_.end()) {
      complain("egress", fmt::format("the pool `{}` has no source address", given.egress),
               "add `[[egress]]` with this `pool`");
    } else {
      out.pool = pool->second;
    }
  }
  return out;
}

void RelayReader::read_login(const RouteConfig& given, relay::RouteSettings& into) {
  if (given.auth_user.empty() != given.auth_password.empty()) {
    const bool user = given.auth_password.empty();
    return complain(
        user ? "auth_user" : "auth_password",
        user ? "`auth_user` without `auth_password`" : "`auth_password` without `auth_user`",
        "AUTH needs both; `auth_password` names a file");
  }
  if (given.auth_user.empty()) return;
  const bool verified = given.tls == relay::TlsLevel::verify || !given.tlsa.empty() ||
                        (!given.tls && config_.relay.tls == relay::TlsLevel::verify);
  if (!verified && !given.auth_insecure) {
    complain("auth_user", "a password is sent only to a verified server",
             "write `tls = \"verify\"`; or `auth_insecure = true` on your own network");
  }
  if (files_ == RelayFiles::none) return;
  Result<Secret> password = password_in(given.auth_password);
  if (!password) {
    return complain("auth_password", password.error().message,
                    "a file that Postern's user can read, with one line", "T001");
  }
  into.login = relay::RouteLogin{given.auth_user, std::move(*password)};
}

std::shared_ptr<const net::TlsClientContext> RelayReader::roots(const std::string& file) {
  if (files_ == RelayFiles::none || (files_ == RelayFiles::named && file.empty())) return nullptr;
  const auto known = roots_.find(file);
  if (known != roots_.end()) return known->second;
  const auto made = net::TlsClientContext::make(file);
  if (!made)
    complain("ca", made.error().message, "a PEM file that Postern's user can read", "T001");
  return roots_[file] = made ? *made : nullptr;
}

}  // namespace

std::string postmaster_folder(const Config& config) {
  return (std::filesystem::absolute(config.server.data_dir) / "postmaster").string();
}

std::map<std::string, std::string, std::less<>> listener_hostnames(const Config& config) {
  std::map<std::string, std::string, std::less<>> names;
  const auto add = [&](const dialect::kumo::Listener& one) {
    if (!one.hostname.empty()) names[one.name] = one.hostname;
  };
  for (const ListenerConfig& listener : config.listeners) {
    if (!listener.started) continue;
    add(*listener.started);
    for (const auto& variant : listener.started->variants) add(*variant.as);
  }
  return names;
}

relay::RelayConfig read_relay(const Config& config, RelayFiles files,
                              const std::function<void(RelayComplaint)>& complain) {
  return RelayReader(config, files, complain).read();
}

Result<relay::RelayConfig> relay_options(const Config& config) {
  std::string trouble;
  relay::RelayConfig out = read_relay(config, RelayFiles::all, [&](RelayComplaint complaint) {
    if (trouble.empty()) trouble = std::move(complaint.message);
  });
  if (!trouble.empty()) return fail(Fault::permanent, trouble);
  return out;
}

}  // namespace postern::app
