// What would have prevented a refusal, derived from the evidence alone.
#pragma once

#include <string>
#include <vector>

#include "policy/trace.h"

namespace postern::app {

/// Sentences that complete "It would pass if"; empty if nothing is known. `subject`: the recipient
/// of the refusal; null: none.
std::vector<std::string> hints_for(const policy::Step& decider, const policy::Recipient* subject,
                                   const policy::Evidence& evidence);

}  // namespace postern::app
