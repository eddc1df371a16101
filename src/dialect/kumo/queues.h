// The queues helper: the tenant and campaign of a message, the senders that may use a tenant, and
// the options of a queue. The configuration is read from data files at load; decide() is a pure
// function.
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

/// [tenant.NAME].
struct Tenant {
  /// The authorization identities that may send as this tenant, compared exactly. An empty set: no
  /// sender may. nullopt: every sender may, even without authentication.
  std::optional<std::unordered_set<std::string>> require_authz;
  json::object options;             ///< by name, see queue_options()
  TextMap<json::object> campaigns;  ///< options by campaign
  std::string place;                ///< "queue.toml:3"
  std::string require_authz_place;  ///< "queue.toml:4"; empty if not set
};

/// [queue.DOMAIN], with [queue.DOMAIN.TENANT] and [queue.DOMAIN.TENANT.CAMPAIGN].
struct QueueScope {
  /// [queue.DOMAIN.TENANT].
  struct OfTenant {
    json::object options;             ///< of the tenant
    TextMap<json::object> campaigns;  ///< options by campaign
  };
  json::object options;       ///< of the domain
  TextMap<OfTenant> tenants;  ///< by name of the tenant
};

/// The merged and checked data files.
struct QueuesConfig {
  std::optional<std::string> tenant_header;      ///< the header field that names the tenant
  std::optional<std::string> campaign_header;    ///< the header field that names the campaign
  std::optional<std::string> scheduling_header;  ///< kept, but Postern delays no message for it
  std::optional<std::string> default_tenant;     ///< of messages without a tenant header
  bool remove_tenant_header = false;             ///< removes the field that names the tenant
  bool remove_campaign_header = false;           ///< removes the field that names the campaign
  /// Every refusal has the same text, so that it does not reveal which tenants exist.
  bool hide_tenant_names = false;
  TextMap<Tenant> tenants;        ///< by name
  json::object any_domain;        ///< [queue.default]
  DomainMap<QueueScope> domains;  ///< by recipient domain, see DomainMap
  /// Each tenant that [queue.DOMAIN.TENANT] names, with its place, in the order of the data.
  std::vector<std::pair<std::string, std::string>> scoped_tenants;
  /// Options that Postern does not act on, with the first place of each.
  TextMap<std::string> without_effect;
  // Places, "queue.toml:3", for findings about the configuration; empty: not set.
  std::string default_tenant_place;     ///< of `default_tenant`
  std::string tenant_header_place;      ///< of `tenant_header`
  std::string scheduling_header_place;  ///< of `scheduling_header`
};

/// Merges the files in order: of a key that is set twice the later value counts, and lists are
/// replaced. Fault::malformed with one mistake a line: "queue.toml:3: `tenant.a.require_auhtz` is
/// no known key; ...".
Result<QueuesConfig> load_queues(const std::vector<DataFile>& sources);

/// The input of decide(). Header values are those of the first field of the name, unfolded and
/// decoded; nullopt: the message has no such field.
struct MessageFacts {
  std::optional<std::string> tenant_header;    ///< of the field `QueuesConfig::tenant_header`
  std::optional<std::string> campaign_header;  ///< of the field `QueuesConfig::campaign_header`
  std::optional<std::string> authz_id;         ///< nullopt: not authenticated (RFC 4422 §2)
  std::string recipient_domain;                ///< in lower case, A-labels
};

/// The output of decide().
struct TenantDecision {
  std::optional<std::string> tenant, campaign, routing_domain;  ///< nullopt: none
  std::vector<std::string> remove_headers;  ///< header fields to remove, refused or not
  /// The text of a 550 5.7.1 reply, without control characters; empty: not refused.
  std::string refusal;
  std::string reason;  ///< for the log; differs from `refusal` if tenant names are hidden
};
/// Determines the tenant, checks that the sender may use it, and looks up the routing domain.
TenantDecision decide(const QueuesConfig& config, const MessageFacts& facts);

/// All options of a queue. Later sources override earlier ones: [queue.default], [queue.DOMAIN],
/// [tenant.T], its campaign, [queue.DOMAIN.T], [queue.DOMAIN.T.CAMPAIGN]. "" stands for no tenant
/// or no campaign.
json::object resolve(const QueuesConfig& config, std::string_view domain, std::string_view tenant,
                     std::string_view campaign);
/// One option of a queue, without building the others. Null: not set. Valid as long as `config`.
const json::value* resolve_option(const QueuesConfig& config, std::string_view name,
                                  std::string_view domain, std::string_view tenant,
                                  std::string_view campaign);

}  // namespace postern::dialect::kumo
