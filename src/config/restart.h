// Which keys a reload applies, and which need a restart.
#pragma once

#include <string>
#include <vector>

#include "config/schema.h"

namespace postern::app {

/// Whether a change needs a restart. Keys of list sections never do.
bool waits_for_start(const Key& key);

/// Whether the values are equal. `a` and `b` are slots of the same key.
bool same_value(const Slot& a, const Slot& b);

/// The keys ("webhooks.allow_http", ...) that need a restart and have different values in `read`
/// and `running`, in the order of the table. Slots need mutable objects; nothing is changed.
std::vector<std::string> keys_that_wait(Config& running, Config& read);

}  // namespace postern::app
