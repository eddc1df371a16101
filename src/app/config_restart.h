// Which keys a reload takes, and which wait for the next start.
#pragma once

#include <string>
#include <vector>

#include "app/config_schema.h"

namespace postern::app {

/// Whether a changed value takes effect at the next start only. Sections that are lists never do.
bool waits_for_start(const Key& key);

/// Equal values of one key. `a` and `b` are slots of the same key.
bool same_value(const Slot& a, const Slot& b);

/// "webhooks.allow_http", …: the keys that wait for the next start and have other values in `read`
/// than in `running`, in the order of the table. The slots want a Config that may be written to;
/// nothing is written.
std::vector<std::string> keys_that_wait(Config& running, Config& read);

}  // namespace postern::app
