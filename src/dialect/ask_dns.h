// DNS for scripts of all dialects: through the decision's gatherer, so that its record has every
// answer.
#pragma once

#include <string>
#include <string_view>

#include "base/task.h"
#include "dns/dns.h"
#include "policy/layer.h"

namespace postern::dialect {

/// The answer, which is added to the evidence; a known one is not asked again. Throws
/// std::runtime_error after 1000 answers. `inquiry` must outlive the task.
Task<dns::Answer> ask_dns(policy::Inquiry& inquiry, std::string name, dns::Type type);

/// "DNS: mx.example A: timeout".
std::string dns_sentence(std::string_view name, dns::Type type, const dns::Answer& answer);

}  // namespace postern::dialect
