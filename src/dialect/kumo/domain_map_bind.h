// kumo.domain_map: tables of a script that are looked up by domain name, wildcards included.
#pragma once

#include "script/bind.h"

namespace postern::dialect::kumo {

script::HostTable domain_map_functions();

}  // namespace postern::dialect::kumo
