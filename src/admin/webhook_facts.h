// What lists of webhooks say beside the webhooks: how mail went, and the name of the policy.
#pragma once

#include <boost/json/array.hpp>

#include "admin/core.h"

namespace postern::admin {

/// Adds policy_name, counts_24h and last_delivery to webhooks of the account, as JSON.
Task<void> add_facts(Core& core, const std::string& account, boost::json::array& webhooks);

}  // namespace postern::admin
