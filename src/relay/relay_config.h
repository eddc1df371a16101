// The configuration of outbound mail: routes, SMTP settings, source addresses.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/secret.h"
#include "net/tls_client.h"
#include "relay/attempt_plan.h"
#include "relay/routing.h"
#include "relay/scheduler.h"

namespace postern::relay {

class RouteTables;

/// A source address of outbound mail, with its EHLO name (docs/relay.md, "Source addresses").
struct EgressSource {
  std::string name;             ///< for traces and logs
  std::optional<IpAddress> v4;  ///< nullopt: not for IPv4
  std::optional<IpAddress> v6;  ///< nullopt: not for IPv6
  std::string ehlo;             ///< empty: RoutingConfig::hostname
  std::uint32_t weight = 1;     ///< share of the attempts, relative to the other sources
};

/// Source addresses that share mail by their weights.
struct EgressPool {
  std::string name;                   ///< as the configuration names it
  std::vector<EgressSource> sources;  ///< each of weight 1 at least
  /// Use the system's choice of address when no source of the family can be used.
  bool fallback = false;
};

/// Credentials for a smart host.
struct RouteLogin {
  std::string user;  ///< user name
  Secret password;   ///< password
};

/// How to talk to the hosts of a route.
struct RouteSettings {
  std::string name;  ///< as the configuration names it, for traces; empty: no route matches
  /// Trusted roots. Null: TLS is not used, and hosts that require it cannot be used.
  std::shared_ptr<const net::TlsClientContext> tls;
  /// TLSA records (`usage selector matching hex`) that apply to each host as if it published them:
  /// they raise the level to `dane`. All pass is_usable_tlsa().
  std::vector<std::string> tlsa;
  std::optional<RouteLogin> login;         ///< nullopt: no authentication
  bool auth_insecure = false;              ///< send the password below level verify, too
  bool chunking = true;                    ///< use BDAT inside TLS when offered (RFC 3030 §2)
  bool send_8bit = false;                  ///< send 8-bit bodies to hosts without 8BITMIME
  bool send_utf8_headers = false;          ///< send UTF-8 headers to hosts without SMTPUTF8
  std::size_t max_recipients = 50;         ///< per transaction; enforced by the caller
  DestinationLimits limits;                ///< for the scheduler
  std::shared_ptr<const EgressPool> pool;  ///< null: the system's choice of address
};

/// The whole configuration. Immutable once made; may be shared by threads.
struct RelayConfig {
  RoutingConfig routing;  ///< how routes become hosts
  RouteTable routes;      ///< which route a recipient has
  AttemptLimits limits;   ///< of one attempt
  /// Limits every wait for a host. RFC 5321 §4.5.3.2 requires minutes, so only tests set it.
  std::chrono::milliseconds longest_wait = std::chrono::hours(1);
  /// Indexed by Route::settings; the first entry is for recipients without a route. Never empty.
  std::vector<RouteSettings> settings = std::vector<RouteSettings>(1);
  /// By destination_of(), for routes whose destination the key determines; see add_limits().
  std::map<std::string, DestinationLimits, std::less<>> limits_at;

  /// Where the script functions `maildir` and `mbox` deliver: paths with `{domain}` and `{local}`.
  std::string maildir_path;
  /// As maildir_path, for `mbox`.
  std::string mbox_path;

  /// Asked for routes with tables; null: mail of such routes waits.
  std::shared_ptr<RouteTables> tables;

  /// The settings of a route.
  const RouteSettings& settings_of(const Route& route) const { return settings[route.settings]; }
};

}  // namespace postern::relay
