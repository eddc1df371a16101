// The listener_domains helper: which clients may send mail to or from a domain, by listener. The
// configuration is read from data files at load; find_listener_domain() is a pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <boost/json/object.hpp>

#include "base/ip.h"
#include "dialect/kumo/data_file.h"
#include "dialect/kumo/domain_map.h"

namespace postern::dialect::kumo {

/// What to do with reports about mail of ours: late bounces (RFC 3464 §2) and complaints (RFC 5965
/// §2).
enum class Reports : std::uint8_t { ignore, log_then_drop, log_then_relay };

/// "Ignore", "LogThenDrop" or "LogThenRelay".
std::string_view to_string(Reports reports);
/// Such a text, or true (LogThenRelay) or false (Ignore). nullopt for any other value.
std::optional<Reports> parse_reports(const json::value& value);

/// The settings of one domain.
struct ListenerDomain {
  bool relay_to = false;         ///< any client may send to the domain
  std::vector<Cidr> relay_from;  ///< clients that may send anywhere with a sender of the domain
  /// Authorization identities that may do so from any address.
  std::unordered_set<std::string> relay_from_authz;
  Reports log_oob = Reports::ignore;  ///< for bounces
  Reports log_arf = Reports::ignore;  ///< for complaints
};

/// The settings of all domains.
struct ListenerDomains {
  /// By "ip:port"; "*" is any listener.
  TextMap<DomainMap<ListenerDomain>> by_listener;
};

/// Merges the files in order (see MergedData). Fault::malformed with one mistake a line. A
/// relay_from that holds public addresses (an open relay) is a mistake unless
/// `open_relay_is_known`.
Result<ListenerDomains> load_listener_domains(const std::vector<DataFile>& sources,
                                              bool open_relay_is_known = false);

/// Tries (listener, domain), ("*", domain) and ("*", "*"). Null: there is no entry for the domain.
/// Valid as long as `domains`.
const ListenerDomain* find_listener_domain(const ListenerDomains& domains, std::string_view domain,
                                           std::string_view listener);

/// The parameters of kumo.make_listener_domain for one connection from `peer` ("ip:port"),
/// authenticated as `authz_id` if that is set.
json::object parameters_for(const ListenerDomain& domain, std::string_view peer,
                            const std::optional<std::string>& authz_id);

}  // namespace postern::dialect::kumo
