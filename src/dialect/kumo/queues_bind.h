// The modules `policy-extras.queue` and `policy-extras.listener_domains`: a few lines of Lua on top
// of host functions.
#pragma once

#include <string_view>

#include "script/bind.h"

namespace postern::dialect::kumo {

/// Those host functions.
script::HostTable queues_functions();
/// The Lua source of `policy-extras.queue`.
std::string_view queue_module_text();
/// The Lua source of `policy-extras.listener_domains`.
std::string_view listener_domains_module_text();

}  // namespace postern::dialect::kumo
