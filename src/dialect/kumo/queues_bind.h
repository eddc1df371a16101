// The modules `policy-extras.queue` and `policy-extras.listener_domains`: a few lines of Lua above
// host functions.
#pragma once

#include <string_view>

#include "script/bind.h"

namespace postern::dialect::kumo {

script::HostTable queues_functions();
/// What `require 'policy-extras.queue'` runs.
std::string_view queue_module_text();
/// What `require 'policy-extras.listener_domains'` runs.
std::string_view listener_domains_module_text();

}  // namespace postern::dialect::kumo
