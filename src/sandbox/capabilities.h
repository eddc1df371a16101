// Capabilities of the running gateway (capabilities(7)).
#pragma once

#include "base/error.h"

namespace postern::sandbox {

/// Takes all capabilities from all threads, those for programs included: the service manager gives
/// CAP_NET_BIND_SERVICE for the listeners, which are open by now. A process of root keeps its own,
/// as its files may be another user's. Blocks.
Result<void> drop_capabilities();

}  // namespace postern::sandbox
