// What handlers of the outbound side make: checked where Postern knows the options, and handed back
// as it is. The events that take it are never fired here.
#pragma once

#include "script/bind.h"

namespace postern::dialect::kumo {

script::HostTable egress_functions();

}  // namespace postern::dialect::kumo
