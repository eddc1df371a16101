// DNS as host functions ask it.
#pragma once

#include <string>

#include "base/task.h"
#include "dns/dns.h"
#include "script/call.h"

namespace postern::dialect::kumo {

/// The answer, which is in the evidence from now on; what is there is not asked again. Throws a
/// sentence outside of hooks and beyond 1000 answers.
Task<dns::Answer> ask_dns(script::Call& call, std::string name, dns::Type type);

}  // namespace postern::dialect::kumo
