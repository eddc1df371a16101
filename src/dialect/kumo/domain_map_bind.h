// kumo.domain_map: tables of a script that are looked up by domain name, with wildcards.
#pragma once

#include "script/memoize.h"

namespace postern::dialect::kumo {

/// kumo.domain_map.new() and the methods of the map.
script::HostTable domain_map_functions();
/// Allows memoized functions to return these maps.
script::SharedClass domain_map_class();

}  // namespace postern::dialect::kumo
