// A cluster whose queue is being moved, or was moved away, takes no gateways.
#pragma once

#include <string>
#include <string_view>

#include "cluster/schema.h"

namespace postern::cluster {

/// The table of the mark.
const Schema& moving_schema();
/// Says why gateways do not start; empty: they do. Waits for a standby.
Result<void> mark_moving(net::PgsqlSession& session, std::string_view why);
/// What mark_moving() said last; empty: nothing. Fault::unreachable.
Result<std::string> why_moving(net::PgsqlSession& session);

}  // namespace postern::cluster
