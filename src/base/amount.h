// Durations and sizes as text: in the configuration, on the command line and in the API.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern {

/// "250ms", "5s", "3m", "1h", "7d": a whole number and its unit. Fault::malformed: not a duration,
/// or no unit. Fault::limit: longer than ten years of 365 days.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "64 KiB", "25 MiB", "1 GiB", or a plain number of octets. Fault::malformed: not a size.
/// Fault::limit: more than 2^60 octets.
Result<std::uint64_t> parse_size(std::string_view text);

/// The shortest text that parse_duration() reads back: 60000 ms is "1m". `duration` is not
/// negative.
std::string duration_text(std::chrono::milliseconds duration);
/// The shortest text that parse_size() reads back.
std::string size_text(std::uint64_t octets);

}  // namespace postern
