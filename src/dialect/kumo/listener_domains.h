// The listener_domains helper: for which domains mail is taken, by listener and domain, and from
// whom. A value made from data files at load; find_listener_domain() is pure.
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

/// What becomes of reports about our own mail: bounces that come later, complaints of recipients.
enum class Reports : std::uint8_t { ignore, log_then_drop, log_then_relay };

/// "Ignore", "LogThenDrop", "LogThenRelay".
std::string_view to_string(Reports reports);
/// Such a text, or true (LogThenRelay) or false (Ignore).
std::optional<Reports> parse_reports(const json::value& value);

struct ListenerDomain {
  bool relay_to = false;         ///< mail for the domain is taken from everybody
  std::vector<Cidr> relay_from;  ///< whose mail from senders of the domain goes anywhere
  /// Who, once logged in, may relay as if the connection's address were all of relay_from.
  std::unordered_set<std::string> relay_from_authz;
  Reports log_oob = Reports::ignore;
  Reports log_arf = Reports::ignore;
};

struct ListenerDomains {
  /// By "ip:port"; "*" is any listener.
  TextMap<DomainMap<ListenerDomain>> by_listener;
};

/// Merged in order, see MergedData. Fault::malformed with each mistake on a line; a relay_from that
/// holds strangers is one, unless that is known.
Result<ListenerDomains> load_listener_domains(const std::vector<DataFile>& sources,
                                              bool open_relay_is_known = false);

/// Tries (listener, domain), ("*", domain) and ("*", "*"). Null: nothing is said of the domain.
const ListenerDomain* find_listener_domain(const ListenerDomains& domains, std::string_view domain,
                                           std::string_view listener);

/// The parameters of kumo.make_listener_domain for one connection: of `peer` ("ip:port") that has
/// logged in as `authz_id`.
json::object parameters_for(const ListenerDomain& domain, std::string_view peer,
                            const std::optional<std::string>& authz_id);

}  // namespace postern::dialect::kumo
