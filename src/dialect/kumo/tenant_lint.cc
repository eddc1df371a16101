#include "dialect/kumo/tenant_lint.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::dialect::kumo {

namespace {

using Severity = TenantFinding::Severity;

std::string tenant_in_quotes(std::string_view name) {
  return fmt::format("`{}`", printable(name, 64));
}

/// "`amy`, `scott`", at most ten of them.
std::string listed(const std::unordered_set<std::string>& identities) {
  std::vector<std::string> names(identities.begin(), identities.end());
  std::sort(names.begin(), names.end());
  constexpr std::size_t most = 10;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    out += (i ? ", " : "") + tenant_in_quotes(names[i]);
  }
  if (names.size() > most) out += fmt::format(" and {} others", names.size() - most);
  return out;
}

void lint_tenant(const QueuesConfig& config, const std::string& name, const Tenant& tenant,
                 std::vector<TenantFinding>& findings) {
  const bool is_default = config.default_tenant == name;
  if (!tenant.require_authz) {
    if (config.tenant_header) {
      findings.push_back({Severity::warning, tenant.place,
                          fmt::format("tenant {} has no require_authz: every sender may claim it "
                                      "with the header `{}`",
                                      tenant_in_quotes(name), *config.tenant_header)});
    }
    if (is_default) {
      // With a tenant header, the tenant already has a warning.
      findings.push_back({config.tenant_header ? Severity::note : Severity::warning,
                          config.default_tenant_place,
                          fmt::format("default_tenant {} has no require_authz: mail without a "
                                      "login is sent as this tenant, that of relay_hosts included",
                                      tenant_in_quotes(name))});
    }
  } else if (tenant.require_authz->empty()) {
    findings.push_back({Severity::warning, tenant.require_authz_place,
                        fmt::format("tenant {}: an empty require_authz allows no sender",
                                    tenant_in_quotes(name))});
  } else {
    findings.push_back({Severity::note, tenant.require_authz_place,
                        fmt::format("tenant {} is for {}", tenant_in_quotes(name),
                                    listed(*tenant.require_authz))});
  }
}

}  // namespace

std::vector<TenantFinding> lint_tenants(const QueuesConfig& config) {
  std::vector<TenantFinding> findings;
  std::vector<const std::pair<const std::string, Tenant>*> tenants;
  for (const auto& entry : config.tenants) tenants.push_back(&entry);
  std::sort(tenants.begin(), tenants.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  for (const auto* entry : tenants) lint_tenant(config, entry->first, entry->second, findings);
  for (const auto& [name, place] : config.scoped_tenants) {
    if (config.tenants.contains(name)) continue;
    findings.push_back({Severity::warning, place,
                        fmt::format("tenant {} is not defined: without a [tenant] section these "
                                    "options apply to no message",
                                    tenant_in_quotes(name))});
  }
  if (config.scheduling_header) {
    findings.push_back({Severity::warning, config.scheduling_header_place,
                        "scheduling_header has no effect: messages are delivered at once"});
  }
  return findings;
}

}  // namespace postern::dialect::kumo
