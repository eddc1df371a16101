#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/webhook/fields.h"
#include "policy/plan.h"
#include "policy/webhook.h"

namespace postern::dialect::webhook {

/// Turns a policy's fields into its check plan. Each rule's origin is the policy id and the field:
/// "pol_.../allowed_source_ips". `orders[i]` is the creation order of `fields.smtp_credentials[i]`;
/// without orders they count from 1.
std::shared_ptr<const policy::WebhookPolicy> compile(std::string id, std::string account_id,
                                                     std::uint64_t version,
                                                     std::uint64_t credentials_version,
                                                     const PolicyFields& fields,
                                                     const std::vector<std::uint64_t>& orders = {});

/// The plan alone, as compile() makes it.
policy::Plan plan_of(const std::string& id, const PolicyFields& fields);

/// WebhookPolicy::definition read back: the fields, less the credentials.
Result<PolicyFields> fields_of(std::string_view definition);

}  // namespace postern::dialect::webhook
