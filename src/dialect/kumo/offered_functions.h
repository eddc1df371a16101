// kumo.postern.NAME() for each question that all dialects offer.
#pragma once

#include "script/bind.h"

namespace postern::dialect::kumo {

/// The host functions; their names are those of policy/questions/offered.h.
script::HostTable offered_functions();

}  // namespace postern::dialect::kumo
