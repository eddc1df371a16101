// From a recipient's domain to the hosts that may be tried, with the TLS level of each (RFC 5321
// §5.1, RFC 7505, RFC 7672 §2.2). A pure function of a configuration and of the DNS answers known
// so far: it says what else must be asked, or what the outcome is. The answers it was given are all
// it looked at, so a recorded set of them makes the same decision again.
//
//   relay::Answers answers;
//   auto step = relay::route(config, routes, recipient, answers);
//   while (auto* questions = std::get_if<relay::Questions>(&step)) {
//     for (const dns::Question& question : *questions) answers[question] = ...;  // all at once
//     step = relay::route(config, routes, recipient, answers);
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

struct Endpoint {
  IpAddress address;
  std::uint16_t port = smtp_port;
  bool operator==(const Endpoint&) const = default;
};

struct RoutingConfig {
  std::string hostname;
  std::vector<std::string> self_names;  ///< other names that are us
  /// Where we listen for SMTP, wildcards replaced by the machine's addresses, and where a proxy or
  /// NAT listens for us.
  std::vector<Endpoint> self;
  bool ipv4 = true;  ///< families with a source address
  bool ipv6 = true;
  bool literals = false;  ///< relay_to_literals: whether user@[192.0.2.1] is accepted (R2)
  /// relay_to_private; nullopt: to hosts that a route names, not to MX (R10).
  std::optional<bool> private_addresses;
  bool dane = true;  ///< false without a validating resolver (A1)
  TlsLevel default_tls = TlsLevel::may;
};

/// Whether a host of that name is we, at that port: on a port that we do not listen on something
/// else may well answer under our name (R9).
bool is_self(const RoutingConfig& config, std::string_view host, std::uint16_t port);
bool is_self(const RoutingConfig& config, const IpAddress& address, std::uint16_t port);

struct Recipient {
  std::string local_part;
  std::string domain;            ///< as in the envelope; `[...]` is an address literal
  std::optional<StsPolicy> sts;  ///< of policy_domain(), if one is in force
};

/// Whose MTA-STS policy the recipient's mail is under (RFC 8461 §3.4): the recipient's domain or
/// that of `mx:`. Nullopt where none applies: literals, other routes, routes with a TLS level.
std::optional<std::string> policy_domain(const RouteTable& routes, const Recipient& recipient);

/// A host that may be tried. `v6` and `v4` are unordered; plan_attempt() puts them in order.
struct Target {
  std::string host;  ///< as MX or route name it; an address in text when there is no name
  std::uint32_t preference = 0;
  std::uint16_t port = smtp_port;
  std::vector<IpAddress> v6;
  std::vector<IpAddress> v4;
  TlsLevel tls = TlsLevel::may;
  std::vector<std::string> names;  ///< reference names, at levels that have them
  std::optional<std::string> sni;
  std::vector<std::string> tlsa;  ///< at level dane: the whole set, unusable ones included
  bool secure = false;            ///< its addresses were DNSSEC-validated, and so was its MX
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
std::string_view to_string(Why why);

struct Skipped {
  std::string host;
  Why why = Why::bad_name;
};

/// MX hosts whose addresses are asked, best ones first; a domain may publish thousands.
inline constexpr std::size_t max_looked_up = 20;

struct Routed {
  enum class Kind : std::uint8_t { targets, discard, temporary, permanent };
  Kind kind = Kind::targets;
  std::vector<std::vector<Target>> groups;  ///< best first; equal preference inside one
  std::vector<Skipped> skipped;
  smtp::Reply reply;            ///< of temporary and permanent
  bool our_fault = false;       ///< a route of ours leads nowhere: for an alarm
  bool mx_secure = false;       ///< the MX answer, or its denial, was DNSSEC-validated
  std::string expanded_domain;  ///< where aliases of the domain led; empty when there were none
};

using Questions = std::vector<dns::Question>;
using Answers = std::map<dns::Question, dns::Answer>;

/// The next step. Questions are those whose answers are missing and can be asked at the same time;
/// there are at most six rounds of them, and more only where aliases lead in a circle.
std::variant<Questions, Routed> route(const RoutingConfig& config, const RouteTable& routes,
                                      const Recipient& recipient, const Answers& answers);

}  // namespace postern::relay
