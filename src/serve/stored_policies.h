#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "plan/guard.h"
#include "policy/directory.h"
#include "store/store.h"

namespace postern::app {

/// The stored webhooks with their policies.
struct StoredPolicies {
  std::shared_ptr<policy::Directory> directory;  ///< as the gateway has it; never null
  plan::Webhooks webhooks;                       ///< all of it, without their secrets
};
/// Reads them. `public_domain`: webhooks.public_domain. Errors: the store's. Blocks.
Result<StoredPolicies> stored_policies(store::Store& store, const std::string& public_domain);
/// Those of a gateway that has none yet: its own domain has no address.
StoredPolicies no_policies(const std::string& public_domain);

}  // namespace postern::app
