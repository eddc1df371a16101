// The results of SPF, DKIM, DMARC and ARC for scripts. They are the decision's own evidence: each
// check runs once, however many layers ask for its result.
#pragma once

#include <string_view>

#include "script/bind.h"

namespace postern::dialect::kumo {

/// The host functions of these results.
script::HostTable auth_results_functions();
/// The Lua source of `policy-extras.mail_auth`.
std::string_view mail_auth_module_text();

}  // namespace postern::dialect::kumo
