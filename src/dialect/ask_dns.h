// DNS as scripts of any dialect ask it: through the gatherer of the decision, so that its record
// holds every answer.
#pragma once

#include <string>
#include <string_view>

#include "base/task.h"
#include "dns/dns.h"
#include "policy/layer.h"

namespace postern::dialect {

/// The answer, which is in the evidence from now on; what is there is not asked again. Throws a
/// sentence beyond 1000 answers. The references outlive the task.
Task<dns::Answer> ask_dns(policy::Evidence& evidence, policy::Gatherer& gatherer, std::string name,
                          dns::Type type);

/// "DNS: mx.example A: timeout".
std::string dns_sentence(std::string_view name, dns::Type type, const dns::Answer& answer);

}  // namespace postern::dialect
