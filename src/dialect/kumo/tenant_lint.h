// Gaps in a queues configuration, for `postern check` and for the log at load.
#pragma once

#include <string>
#include <vector>

#include "dialect/kumo/queues.h"

namespace postern::dialect::kumo {

/// One finding.
struct TenantFinding {
  /// Notes need no action.
  enum class Severity : std::uint8_t { warning, note };
  Severity severity = Severity::warning;  ///< see Severity
  std::string place;                      ///< "queue.toml:3"
  std::string text;                       ///< one sentence; quotes names in backticks
};

/// Warnings: a tenant that every sender may name in the tenant header, an empty require_authz, a
/// tenant that only [queue.*] names, a header that Postern does not act on. Notes: a default tenant
/// that accepts mail without authentication, and the identities of each other tenant. Sorted by
/// tenant name.
std::vector<TenantFinding> lint_tenants(const QueuesConfig& config);

}  // namespace postern::dialect::kumo
