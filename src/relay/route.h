// Routes as an operator writes them: which recipients leave by which next hops.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "smtp/reply.h"

namespace postern::relay {

/// How far TLS towards a host is demanded. The first four may be configured; the others follow from
/// what the destination publishes.
enum class TlsLevel : std::uint8_t {
  none,         ///< clear text only
  may,          ///< TLS when it works, any certificate
  encrypt,      ///< TLS, any certificate
  verify,       ///< TLS and a certificate for one of the reference names
  sts_testing,  ///< as sts, and on failure as may (RFC 8461 §5)
  sts,          ///< TLS and a certificate for the MX name (RFC 8461 §4)
  dane,         ///< TLS and a certificate that the TLSA records name (RFC 7672)
};
/// `none`, `may`, `encrypt`, `verify`, `sts-testing`, `sts`, `dane`.
std::string_view to_string(TlsLevel level);
/// One of the first four.
std::optional<TlsLevel> parse_tls_level(std::string_view text);

inline constexpr std::uint16_t smtp_port = 25;

/// One next hop of a list: a name, or an address that nobody looks up.
struct RouteHost {
  std::string name;  ///< lower-case A-labels; the text of the address if it is one
  std::optional<IpAddress> address;
  std::uint16_t port = smtp_port;
  bool operator==(const RouteHost&) const = default;
};

struct Route {
  enum class Kind : std::uint8_t { mx, hosts, discard, error, maildir };
  Kind kind = Kind::mx;
  std::string mx_domain;  ///< `mx:other.example`: whose MX; empty: the recipient's domain
  /// In the order of preference; those of one group are equal.
  std::vector<std::vector<RouteHost>> hosts;
  smtp::Reply refusal;  ///< of `error:`; always 5xx
  std::string path;     ///< of `maildir:`, absolute
  /// Set by the route itself: then neither DANE nor MTA-STS is asked.
  std::optional<TlsLevel> tls;
  std::vector<std::string> names;  ///< reference names of `verify`; empty: the host's name
  std::size_t settings = 0;        ///< how to speak to its hosts: of RelayConfig::settings
  bool operator==(const Route&) const = default;
};

/// Reads what a route says where to send: alone `mx`, `mx:DOMAIN`, `discard`, `maildir:/PATH` or
/// `error:5xx x.y.z text`, else next hops in order of preference: `host`, `[host]`, `[address]`,
/// each with `:port` if it is not 25, equal ones joined by `|`. Fault::malformed names the piece
/// that is none.
Result<Route> parse_route(const std::vector<std::string>& to);
/// The next hops of a route as parse_route() reads them back, one text a group.
std::vector<std::string> to_texts(const Route& route);

/// The routes of a configuration. Immutable once filled; may then be shared by threads.
class RouteTable {
 public:
  /// `key`: an address, a domain, `.parent` (all names below it) or `*`. Fault::malformed when it
  /// is none of these, Fault::conflict when it is there already.
  Result<void> add(std::string_view key, Route route);
  /// The route of that address, of its domain, of the longest parent, of `*`, else plain MX (R1).
  /// `domain` in the form of mail::Domain; case and quotes of the local part do not matter.
  const Route& find(std::string_view local_part, std::string_view domain) const;

 private:
  const Route* at(const std::string& key) const;
  std::unordered_map<std::string, Route> routes_;
};

}  // namespace postern::relay
