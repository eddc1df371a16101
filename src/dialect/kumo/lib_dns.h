// DNS lookups for host functions.
#pragma once

#include <string>

#include "base/task.h"
#include "dns/dns.h"
#include "script/call.h"

namespace postern::dialect::kumo {

/// Looks a name up once per decision: the answer is kept in the evidence. While the policy loads,
/// the answer becomes one of its facts. Throws a sentence without DNS, and after 1000 answers.
Task<dns::Answer> ask_dns(script::Call& call, std::string name, dns::Type type);

}  // namespace postern::dialect::kumo
