// DNS lookups for host functions.
#pragma once

#include <string>

#include "base/task.h"
#include "dns/dns.h"
#include "script/call.h"

namespace postern::dialect::kumo {

/// Looks a name up once per decision: the answer is kept in the evidence. Throws a sentence outside
/// of hooks and after 1000 answers.
Task<dns::Answer> ask_dns(script::Call& call, std::string name, dns::Type type);

}  // namespace postern::dialect::kumo
