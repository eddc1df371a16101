// kumo.cidr: tables of a script that are looked up by address and may hold networks.
#pragma once

#include "script/memoize.h"

namespace postern::dialect::kumo {

/// kumo.cidr.make_map() and the methods of the map.
script::HostTable cidr_map_functions();
/// Allows memoized functions to return these maps.
script::SharedClass cidr_map_class();

}  // namespace postern::dialect::kumo
