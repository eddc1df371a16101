// Durations and sizes as people write them, in the configuration, on the command line, in the API.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern {

/// "250ms", "5s", "3m", "1h", "7d": a whole number and its unit; ten years at most.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "64 KiB", "25 MiB", "1 GiB", or a number of octets.
Result<std::uint64_t> parse_size(std::string_view text);

/// The shortest such text: 60000 ms is "1m".
std::string duration_text(std::chrono::milliseconds duration);
std::string size_text(std::uint64_t octets);

}  // namespace postern
