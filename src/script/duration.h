// Durations in policies and their data files: "5 minutes", "1h 30m", "10s".
#pragma once

#include <chrono>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/error.h"

namespace postern::script {

/// The sum of whole numbers, each with a unit from ns to years; ten years at most. Fractions of a
/// microsecond are dropped. Fault::malformed.
Result<std::chrono::microseconds> parse_span(std::string_view text);
/// The same in milliseconds; smaller parts are dropped.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The same for a script's value, which may also be a number of seconds. Throws std::runtime_error.
std::chrono::milliseconds duration_of(const boost::json::value& value);

}  // namespace postern::script
