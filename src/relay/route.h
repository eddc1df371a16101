// Routes as an operator configures them: which recipients use which next hops.
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

/// Whether a domain is an address literal, well-formed or not.
inline bool is_literal(std::string_view domain) { return domain.starts_with('['); }

/// The TLS level required of a host. The first four can be configured; the others result from what
/// the destination publishes.
enum class TlsLevel : std::uint8_t {
  none,         ///< clear text only
  may,          ///< TLS if it works, with any certificate
  encrypt,      ///< TLS with any certificate
  verify,       ///< TLS with a certificate for one of the reference names
  sts_testing,  ///< as sts; as may when that fails (RFC 8461 §5)
  sts,          ///< TLS with a certificate for the MX name (RFC 8461 §4)
  dane,         ///< TLS with a certificate that matches the TLSA records (RFC 7672 §3)
};
/// `none`, `may`, `encrypt`, `verify`, `sts-testing`, `sts`, `dane`.
std::string_view to_string(TlsLevel level);
/// Parses one of the first four levels; nullopt for anything else.
std::optional<TlsLevel> parse_tls_level(std::string_view text);

/// The SMTP port (RFC 5321 §4.5.4.2).
inline constexpr std::uint16_t smtp_port = 25;

/// One next hop: a name, or an address that is not looked up.
struct RouteHost {
  std::string name;                  ///< lower-case A-labels; for an address its text
  std::optional<IpAddress> address;  ///< nullopt: `name` is looked up
  std::uint16_t port = smtp_port;    ///< the port to connect to
  bool operator==(const RouteHost&) const = default;
};

/// What happens to the mail of matching recipients.
struct Route {
  /// The kinds of route: `hosts` is a list of next hops; `maildir` is local delivery.
  enum class Kind : std::uint8_t { mx, hosts, discard, error, maildir };
  Kind kind = Kind::mx;   ///< the kind
  std::string mx_domain;  ///< of `mx:other.example`: whose MX; empty: the recipient's domain
  /// For `hosts`: groups in the order of preference; hosts of one group are equal.
  std::vector<std::vector<RouteHost>> hosts;
  smtp::Reply refusal;  ///< of `error:`; 5xx: the mail is refused or returned, 4xx: it waits
  std::string path;     ///< of `maildir:`; absolute
  /// For `mx` and `hosts`: groups that are tried when no host of the route takes the mail, or none
  /// is found; see relay::route().
  std::vector<std::vector<RouteHost>> fallback;
  /// Tables that may have other next hops for a recipient, asked in order before the route counts:
  /// "mysql:/etc/postfix/transport.cf". See relay/route_tables.h.
  std::vector<std::string> tables;
  /// A level set by the route: DANE and MTA-STS are not consulted then.
  std::optional<TlsLevel> tls;
  std::vector<std::string> names;  ///< reference names for `verify`; empty: the host's name
  std::size_t settings = 0;        ///< index into RelayConfig::settings
  bool operator==(const Route&) const = default;

  /// Whether no route of the configuration matched: the mail goes to the MX of its domain.
  bool is_default() const { return kind == Kind::mx && mx_domain.empty() && settings == 0; }
};

/// Parses the next hops of a route: one of `mx`, `mx:DOMAIN`, `discard`, `maildir:/PATH` and
/// `error:5xx x.y.z text` (or 4xx) alone; or hosts in the order of preference: `host`, `[host]`,
/// `[address]`, each with `:port` if it is not 25, equal ones joined by `|`. Fault::malformed names
/// the faulty piece.
Result<Route> parse_route(const std::vector<std::string>& to);
/// Parses hosts alone, in the form and with the errors of parse_route().
Result<std::vector<std::vector<RouteHost>>> parse_hosts(const std::vector<std::string>& texts);
/// The next hops of a route in the form that parse_route() reads, one text for each group.
std::vector<std::string> to_texts(const Route& route);

/// As the sender of RouteTable::find(): only the routes of all senders count. No envelope has it.
inline constexpr std::string_view any_sender = "*";

/// The configured routes. Immutable once filled; may be shared by threads then.
class RouteTable {
 public:
  /// Adds a route for all senders. `key`: an address, a domain, `.parent` (all names below it) or
  /// `*`. Fault::malformed when it is none of these, Fault::conflict when it exists.
  Result<void> add(std::string_view key, Route route);
  /// Adds a route for the mail of one sender. `sender`: an address, a domain, or `<>` for the null
  /// sender (RFC 5321 §4.5.5). Errors as above.
  Result<void> add(std::string_view key, std::string_view sender, Route route);
  /// The route of the address, else of its domain, of the longest parent, of `*`, else plain MX. Of
  /// each of these, the route of the sender's address, else of its domain, else that of all
  /// senders. `domain` is in the form of mail::Domain; case and quotes of local parts are ignored.
  /// `sender` is as in the envelope, or any_sender; empty: the null sender. Valid as long as the
  /// table does not change.
  const Route& find(std::string_view local_part, std::string_view domain,
                    std::string_view sender) const;
  /// One route for each Route::settings among those that mail for `domain` may have, depending on
  /// its recipient's key and its sender.
  std::vector<const Route*> all_of(std::string_view domain) const;

 private:
  /// The routes of one key.
  struct Entry {
    std::optional<Route> for_all;
    std::unordered_map<std::string, Route> by_sender;
    std::vector<std::string> one_for_each_settings;  ///< keys of by_sender
  };
  template <class Use>
  void visit(std::string_view local_part, std::string_view domain, const Use& use) const;

  std::unordered_map<std::string, Entry> routes_;
};

}  // namespace postern::relay
