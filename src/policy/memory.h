// What parts of a transaction take of memory, as far as it grows with what a peer sends: for the
// budget that they are charged to (base/memory_budget.h).
#pragma once

#include <cstddef>

#include <boost/json/value.hpp>

#include "policy/evidence.h"
#include "policy/trace.h"

namespace postern::policy {

/// Octets of memory, its own and what it holds.
std::size_t memory_of(const Recipient& recipient);
std::size_t memory_of(const DnsRecord& record);
std::size_t memory_of(const Consultation& consultation);
std::size_t memory_of(const Decision& decision);
std::size_t memory_of(const boost::json::value& value);
/// Of what a script made of the message.
std::size_t memory_of(const ScriptCopy& copy);

}  // namespace postern::policy
