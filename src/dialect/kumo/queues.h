// The queues helper: which tenant and campaign a message belongs to, who may send as a tenant, and
// the options that hold for a queue. A value made from data files at load; decide() is pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <boost/json/object.hpp>

#include "dialect/kumo/data_file.h"
#include "dialect/kumo/domain_map.h"

namespace postern::dialect::kumo {

struct Tenant {
  /// Who may send as this tenant: authz_id is compared exactly. An empty list admits nobody,
  /// nullopt everybody, without a login too.
  std::optional<std::unordered_set<std::string>> require_authz;
  json::object options;
  TextMap<json::object> campaigns;  ///< their options
  std::string place;                ///< "queue.toml:3"
  std::string require_authz_place;
};

/// [queue.DOMAIN] with [queue.DOMAIN.TENANT] and [queue.DOMAIN.TENANT.CAMPAIGN].
struct QueueScope {
  struct OfTenant {
    json::object options;
    TextMap<json::object> campaigns;
  };
  json::object options;
  TextMap<OfTenant> tenants;
};

struct QueuesConfig {
  std::optional<std::string> tenant_header;
  std::optional<std::string> campaign_header;
  std::optional<std::string> scheduling_header;  ///< kept; Postern delays nothing for it
  std::optional<std::string> default_tenant;
  bool remove_tenant_header = false;
  bool remove_campaign_header = false;
  /// One text for all refusals, so that nobody learns from them which tenants there are.
  bool hide_tenant_names = false;
  TextMap<Tenant> tenants;
  json::object any_domain;  ///< [queue.default]
  DomainMap<QueueScope> domains;
  /// Where each tenant that [queue.DOMAIN.TENANT] names is named, in the data's order.
  std::vector<std::pair<std::string, std::string>> scoped_tenants;
  /// Options that Postern does not act on: their first place in the data, by name.
  TextMap<std::string> without_effect;
  // "queue.toml:3", for what is reported of a configuration.
  std::string default_tenant_place;
  std::string tenant_header_place;
  std::string scheduling_header_place;
};

/// Merged in order, of a key that is set twice the later counts; lists are replaced.
/// Fault::malformed with each mistake on a line: "queue.toml:3: `tenant.a.require_auhtz` is no
/// known key; ...".
Result<QueuesConfig> load_queues(const std::vector<DataFile>& sources);

/// What decide() looks at. The values of the first header fields of their names, unfolded and
/// decoded; nullopt: the message has none.
struct MessageFacts {
  std::optional<std::string> tenant_header;
  std::optional<std::string> campaign_header;
  std::optional<std::string> authz_id;  ///< nullopt: no login (RFC 4422 §2)
  std::string recipient_domain;
};

struct TenantDecision {
  std::optional<std::string> tenant, campaign, routing_domain;
  std::vector<std::string> remove_headers;  ///< all fields of these names, refused or not
  std::string refusal;  ///< the text of a 550 5.7.1 reply, without control characters; empty: none
  std::string reason;   ///< for the log; differs from `refusal` where names are hidden
};
TenantDecision decide(const QueuesConfig& config, const MessageFacts& facts);

/// All options of a queue: [queue.default] < [queue.DOMAIN] < [tenant.T] < its campaign <
/// [queue.DOMAIN.T] < [queue.DOMAIN.T.CAMPAIGN]. "" is no tenant, no campaign.
json::object resolve(const QueuesConfig& config, std::string_view domain, std::string_view tenant,
                     std::string_view campaign);
/// One of them, without making the others; null where none sets it.
const json::value* resolve_option(const QueuesConfig& config, std::string_view name,
                                  std::string_view domain, std::string_view tenant,
                                  std::string_view campaign);

}  // namespace postern::dialect::kumo
