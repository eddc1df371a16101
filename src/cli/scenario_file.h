// Reads the input file of `postern queue simulate`.
#pragma once

#include <string_view>

#include "base/error.h"
#include "relay/simulate.h"

namespace postern::app {

/// The format is in docs/queue.md. `preset`: the defaults; its policy and limits are used.
/// Fault::malformed names the member.
Result<relay::Scenario> read_scenario(std::string_view text, const relay::Scenario& preset);

}  // namespace postern::app
