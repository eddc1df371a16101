// What lists of webhooks show besides the webhooks: counts of mail, and the policy's name.
#pragma once

#include <boost/json/array.hpp>

#include "admin/core.h"

namespace postern::admin {

/// Adds policy_name, counts_24h and last_delivery to the JSON of webhooks of the caller.
Task<void> add_facts(Core& core, const Call& call, boost::json::array& webhooks);

}  // namespace postern::admin
