// kumo.make_queue_config(), make_egress_source(), make_egress_pool() and make_egress_path(), for
// handlers of outbound events. Options that Postern knows are checked, and the table is returned
// unchanged. Postern never fires those events.
#pragma once

#include "script/bind.h"

namespace postern::dialect::kumo {

/// These functions.
script::HostTable egress_functions();

}  // namespace postern::dialect::kumo
