// kumo.cidr: tables of a script that are looked up by address, networks included.
#pragma once

#include "script/memoize.h"

namespace postern::dialect::kumo {

script::HostTable cidr_map_functions();
script::SharedClass cidr_map_class();

}  // namespace postern::dialect::kumo
