// Routing: from a recipient's domain to the hosts to try, with the TLS level of each
// (RFC 5321 §5.1, RFC 7505 §3, RFC 7672 §2.2). A pure function of the configuration and the DNS
// answers known so far: it returns the missing questions, or the outcome. It uses nothing else, so
// recorded answers reproduce a decision.
//
//   relay::Answers answers;
//   const relay::Route& way = relay::route_of(relay, local_part, domain, sender);
//   auto step = relay::route(config, way, recipient, answers);
//   while (auto* questions = std::get_if<relay::Questions>(&step)) {
//     for (const dns::Question& question : *questions) answers[question] = ...;  // all at once
//     step = relay::route(config, way, recipient, answers);
//   }
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "dns/dns.h"
#include "relay/route.h"
#include "relay/tls_policy.h"
#include "smtp/reply.h"

namespace postern::relay {

/// An address and port.
struct Endpoint {
  IpAddress address;               ///< an address of a host
  std::uint16_t port = smtp_port;  ///< a TCP port
  bool operator==(const Endpoint&) const = default;
};

/// Settings of routing.
struct RoutingConfig {
  std::string hostname;                 ///< our name
  std::vector<std::string> self_names;  ///< other names of this host
  /// Where we listen for SMTP, with wildcards replaced by the machine's addresses, and where a
  /// proxy or NAT listens for us.
  std::vector<Endpoint> self;
  bool ipv4 = true;       ///< whether IPv4 has a source address
  bool ipv6 = true;       ///< whether IPv6 has a source address
  bool literals = false;  ///< relay_to_literals: whether user@[192.0.2.1] is relayed
  /// relay_to_private; nullopt: allowed for hosts that a route names, not for MX hosts.
  std::optional<bool> private_addresses;
  bool dane = true;                      ///< false without a validating resolver
  TlsLevel default_tls = TlsLevel::may;  ///< when nothing else sets a level
};

/// Whether `host` at `port` is this host. On a port on which we do not listen, another server
/// may answer under our name.
bool is_self(const RoutingConfig& config, std::string_view host, std::uint16_t port);
/// Whether `address` and `port` are one of RoutingConfig::self.
bool is_self(const RoutingConfig& config, const IpAddress& address, std::uint16_t port);

/// The recipient to route.
struct Recipient {
  std::string local_part;        ///< as in the envelope
  std::string domain;            ///< as in the envelope; `[...]` is an address literal
  std::optional<StsPolicy> sts;  ///< the policy of policy_domain(), if it has one
};

/// The domain whose MTA-STS policy applies to a recipient (RFC 8461 §3.4): the recipient's domain
/// or that of `mx:`. Nullopt when none applies: address literals, other routes, routes with a TLS
/// level.
std::optional<std::string> policy_domain(const Route& route, const Recipient& recipient);

/// A host to try. `v6` and `v4` are unordered; plan_attempt() orders them.
struct Target {
  std::string host;                ///< as the MX record or the route names it; an address as text
  std::uint32_t preference = 0;    ///< of the MX record, or the index of the route's group
  bool fallback = false;           ///< of Route::fallback: no password and no pinned certificate
  std::uint16_t port = smtp_port;  ///< the port to connect to
  std::vector<IpAddress> v6;       ///< IPv6 addresses
  std::vector<IpAddress> v4;       ///< IPv4 addresses
  TlsLevel tls = TlsLevel::may;    ///< the required level
  std::vector<std::string> names;  ///< reference names, for levels that need them
  std::optional<std::string> sni;  ///< for the TLS handshake; nullopt: none
  std::vector<std::string> tlsa;   ///< at level dane: the whole set, with unusable records
  bool secure = false;             ///< addresses and MX were validated with DNSSEC
};

/// Why a host is not tried.
enum class Why : std::uint8_t {
  bad_name,
  no_address,
  dns_error,
  dns_bogus,
  forbidden_address,
  self,
  behind_self,
  tlsa_lookup,
  sts_mx,
  too_many,  ///< beyond max_looked_up
};
/// The reason as text, such as `bad-name`, for traces.
std::string_view to_string(Why why);

/// A host that is not tried.
struct Skipped {
  std::string host;         ///< as in Target
  Why why = Why::bad_name;  ///< the reason
};

/// MX hosts whose addresses are looked up, best ones first; a domain may publish thousands.
inline constexpr std::size_t max_looked_up = 20;

/// The outcome of routing.
struct Routed {
  /// The kinds of outcome; `temporary` and `permanent` have a reply.
  enum class Kind : std::uint8_t { targets, discard, temporary, permanent };
  Kind kind = Kind::targets;                ///< the kind
  std::vector<std::vector<Target>> groups;  ///< best first; equal preference within a group
  std::size_t first_fallback = 0;           ///< the groups from here on are of Route::fallback
  std::vector<Skipped> skipped;             ///< hosts that are not tried
  smtp::Reply reply;                        ///< for temporary and permanent
  bool our_fault = false;                   ///< one of our routes leads nowhere: raise an alarm
  bool mx_secure = false;       ///< the MX answer or its denial was validated with DNSSEC
  std::string expanded_domain;  ///< the name at the end of the domain's aliases; empty: none
};

/// Questions that can be asked concurrently.
using Questions = std::vector<dns::Question>;
/// The answers so far.
using Answers = std::map<dns::Question, dns::Answer>;

/// The next step: the missing questions, or the outcome. `route` is that of the recipient
/// (route_of()). Its fallback hosts come after its own, and alone when those cannot be found; not
/// when the domain says that it takes no mail (RFC 7505), and not when this host is one of its MX
/// hosts, because the mail could come back. There are at most six rounds of questions, except for
/// loops of aliases, and one more for fallback hosts.
std::variant<Questions, Routed> route(const RoutingConfig& config, const Route& route,
                                      const Recipient& recipient, const Answers& answers);

}  // namespace postern::relay
