// What SPF, DKIM, DMARC and ARC say, as scripts ask for it: the decision's own evidence, each
// verdict found out once, whoever asks.
#pragma once

#include <string_view>

#include "script/bind.h"

namespace postern::dialect::kumo {

script::HostTable auth_results_functions();
/// What `require 'policy-extras.mail_auth'` runs.
std::string_view mail_auth_module_text();

}  // namespace postern::dialect::kumo
