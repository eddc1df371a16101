// What the outbound side is told: routes, how to speak to their hosts, and from which addresses.
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

/// An address that mail leaves from, with the name said there (relay rule H5).
struct EgressSource {
  std::string name;  ///< for traces and logs
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;
  std::string ehlo;  ///< empty: RoutingConfig::hostname
  std::uint32_t weight = 1;
};

struct EgressPool {
  std::string name;
  std::vector<EgressSource> sources;  ///< each of weight 1 at least
  /// The machine's own choice of address when no source of the family can be had.
  bool fallback = false;
};

/// A user at a smart host.
struct RouteLogin {
  std::string user;
  Secret password;
};

/// How to speak to the hosts of a route, whatever they are.
struct RouteSettings {
  std::string name;  ///< for traces: what the configuration calls it; empty: no route is written
  /// Roots to trust. Null: TLS is not used, and hosts that need it cannot be had.
  std::shared_ptr<const net::TlsClientContext> tls;
  /// TLSA records (`usage selector matching hex`) as if published for each host: they verify it,
  /// at whatever level, and raise the level to `dane`. All usable (is_usable_tlsa()).
  std::vector<std::string> tlsa;
  std::optional<RouteLogin> login;
  bool auth_insecure = false;              ///< the password below level verify too
  bool chunking = true;                    ///< BDAT inside TLS where it is offered
  bool send_8bit = false;                  ///< to hosts without 8BITMIME
  bool send_utf8_headers = false;          ///< to hosts without SMTPUTF8
  std::size_t max_recipients = 50;         ///< of one message at a time; for whoever groups them
  DestinationLimits limits;                ///< for whoever schedules
  std::shared_ptr<const EgressPool> pool;  ///< null: the machine's own choice of address
};

/// Immutable once made; shared between threads.
struct RelayConfig {
  RoutingConfig routing;
  RouteTable routes;
  AttemptLimits limits;
  /// Caps every wait for a host. RFC 5321 §4.5.3.2 wants minutes, so only tests set it.
  std::chrono::milliseconds longest_wait = std::chrono::hours(1);
  /// By Route::settings; the first is for recipients without a route. Never empty.
  std::vector<RouteSettings> settings = std::vector<RouteSettings>(1);
  /// By destination_of(), of routes whose destinations are known beforehand: add_limits().
  std::map<std::string, DestinationLimits, std::less<>> limits_at;

  /// Where scripts have mail put by `maildir` and `mbox`: paths with `{domain}` and `{local}`.
  std::string maildir_path;
  std::string mbox_path;

  const RouteSettings& settings_of(const Route& route) const { return settings[route.settings]; }
};

}  // namespace postern::relay
