// kumo.domain_map: tables of a script that are looked up by domain name, wildcards included.
#pragma once

#include "script/memoize.h"

namespace postern::dialect::kumo {

script::HostTable domain_map_functions();
script::SharedClass domain_map_class();

}  // namespace postern::dialect::kumo
