#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dialect/webhook/fields.h"
#include "policy/plan.h"
#include "policy/webhook.h"

namespace postern::dialect::webhook {

/// Compiles a policy's fields. The origin of each rule is policy id and field:
/// "pol_.../allowed_source_ips". `orders[i]`: creation order of `fields.smtp_credentials[i]`; if
/// empty, they count from 1.
std::shared_ptr<const policy::WebhookPolicy> compile(std::string id, std::string account_id,
                                                     std::uint64_t version,
                                                     std::uint64_t credentials_version,
                                                     const PolicyFields& fields,
                                                     const std::vector<std::uint64_t>& orders = {});

/// Only the plan, as in compile().
policy::Plan plan_of(const std::string& id, const PolicyFields& fields);

}  // namespace postern::dialect::webhook
