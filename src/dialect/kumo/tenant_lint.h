// What a queues configuration leaves open, for `postern check` and the log at load.
#pragma once

#include <string>
#include <vector>

#include "dialect/kumo/queues.h"

namespace postern::dialect::kumo {

struct TenantFinding {
  enum class Severity : std::uint8_t { warning, note };
  Severity severity = Severity::warning;
  std::string place;  ///< "queue.toml:3"
  std::string text;   ///< one sentence; quotes names in backticks
};

/// Warnings: a tenant that every sender may name in the tenant header, a list that admits nobody, a
/// tenant that only [queue.*] names, a header that Postern does not act on. Notes: a default tenant
/// that takes mail without a login, and who may send as each of the others. By tenant name.
std::vector<TenantFinding> lint_tenants(const QueuesConfig& config);

}  // namespace postern::dialect::kumo
