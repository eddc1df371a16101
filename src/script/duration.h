// Durations as policies and their data files write them: "5 minutes", "1h 30m", "10s".
#pragma once

#include <chrono>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/error.h"

namespace postern::script {

/// Whole numbers, each with a unit from ns to years, added up; ten years at most. Below a
/// microsecond is rounded down. Fault::malformed.
Result<std::chrono::microseconds> parse_span(std::string_view text);
/// The same, below a millisecond rounded down.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The same of a script's value, which may be a number of seconds too. Throws the sentence.
std::chrono::milliseconds duration_of(const boost::json::value& value);

}  // namespace postern::script
