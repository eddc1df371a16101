// What would have changed a refusal, said from the evidence alone.
#pragma once

#include <string>
#include <vector>

#include "policy/trace.h"

namespace postern::app {

/// Sentences that follow "It would pass if"; none where nothing is known. `subject` is whom the
/// refusal was about; null: nobody.
std::vector<std::string> hints_for(const policy::Step& decider, const policy::Recipient* subject,
                                   const policy::Evidence& evidence);

}  // namespace postern::app
