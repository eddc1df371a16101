// Durations as policies and their data files write them: "5 minutes", "1h 30m", "10s".
#pragma once

#include <chrono>
#include <string_view>

#include "base/error.h"

namespace postern::dialect::kumo {

/// Whole numbers, each with a unit from ns to years, added up; ten years at most. Below a
/// millisecond is rounded down. Fault::malformed.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace postern::dialect::kumo
