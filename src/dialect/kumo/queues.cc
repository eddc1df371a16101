#include "dialect/kumo/queues.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::dialect::kumo {

namespace {

/// Tables of options, from the least to the most specific; null: not set.
using Layers = std::array<const json::object*, 6>;

template <class Map>
auto* lookup(const Map& map, std::string_view key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

Layers layers_of(const QueuesConfig& config, std::string_view domain, std::string_view tenant,
                 std::string_view campaign) {
  Layers layers{};
  layers[0] = &config.any_domain;
  const QueueScope* scope = config.domains.find(domain);
  if (scope) layers[1] = &scope->options;
  if (const Tenant* of_tenant = lookup(config.tenants, tenant)) {
    layers[2] = &of_tenant->options;
    layers[3] = lookup(of_tenant->campaigns, campaign);
  }
  if (!scope) return layers;
  if (const QueueScope::OfTenant* here = lookup(scope->tenants, tenant)) {
    layers[4] = &here->options;
    layers[5] = lookup(here->campaigns, campaign);
  }
  return layers;
}

/// A sender's text without the characters that a reply line must not have (RFC 5321 §4.2).
std::string without_controls(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
  }
  return out;
}

/// Why the message must not be sent as `tenant`; empty: it may be. The texts are KumoMTA's, because
/// senders' software may look for them.
std::string objection(const QueuesConfig& config, const std::string& tenant,
                      std::string_view specified_by, const std::optional<std::string>& authz_id) {
  const Tenant* found = lookup(config.tenants, tenant);
  if (!found) {
    return fmt::format("tenant '{}' specified by {} is not defined in your queue config", tenant,
                       specified_by);
  }
  if (!found->require_authz) return "";
  if (!authz_id || authz_id->empty()) return fmt::format("tenant '{}' requires SMTP AUTH", tenant);
  if (found->require_authz->contains(*authz_id)) return "";
  return fmt::format("authz_id '{}' is not authorized to send as tenant '{}'", *authz_id, tenant);
}

}  // namespace

TenantDecision decide(const QueuesConfig& config, const MessageFacts& facts) {
  TenantDecision decision;
  if (config.campaign_header && facts.campaign_header) {
    decision.campaign = facts.campaign_header;
    if (config.remove_campaign_header) decision.remove_headers.push_back(*config.campaign_header);
  }
  std::string specified_by = "default_tenant option";
  if (config.tenant_header && facts.tenant_header) {
    decision.tenant = facts.tenant_header;
    specified_by = fmt::format("'{}' header", *config.tenant_header);
    if (config.remove_tenant_header) decision.remove_headers.push_back(*config.tenant_header);
  } else {
    decision.tenant = config.default_tenant;
  }
  if (decision.tenant) {
    decision.reason =
        without_controls(objection(config, *decision.tenant, specified_by, facts.authz_id));
    if (!decision.reason.empty()) {
      decision.refusal =
          config.hide_tenant_names ? "not authorized to send as this tenant" : decision.reason;
      decision.tenant.reset();
      return decision;
    }
  }
  const json::value* routing =
      resolve_option(config, "routing_domain", facts.recipient_domain, decision.tenant.value_or(""),
                     decision.campaign.value_or(""));
  if (routing) decision.routing_domain = std::string(routing->as_string());
  return decision;
}

json::object resolve(const QueuesConfig& config, std::string_view domain, std::string_view tenant,
                     std::string_view campaign) {
  json::object out;
  for (const json::object* layer : layers_of(config, domain, tenant, campaign)) {
    if (!layer) continue;
    for (const auto& [name, value] : *layer) out[name] = value;
  }
  return out;
}

const json::value* resolve_option(const QueuesConfig& config, std::string_view name,
                                  std::string_view domain, std::string_view tenant,
                                  std::string_view campaign) {
  const Layers layers = layers_of(config, domain, tenant, campaign);
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (!*layer) continue;
    if (const json::value* value = (*layer)->if_contains(name)) return value;
  }
  return nullptr;
}

}  // namespace postern::dialect::kumo
