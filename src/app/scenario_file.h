// The file of `postern queue simulate`.
#pragma once

#include <string_view>

#include "base/error.h"
#include "relay/simulate.h"

namespace postern::app {

/// What docs/queue.md says about the format. `preset`: what holds where the file says nothing; of
/// it the policy and limits count. Fault::malformed names the member.
Result<relay::Scenario> read_scenario(std::string_view text, const relay::Scenario& preset);

}  // namespace postern::app
