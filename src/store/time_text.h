// Times as the API writes and reads them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"

namespace postern::store {

/// RFC 3339 in UTC with milliseconds: "2026-01-02T03:04:05.678Z".
std::string to_rfc3339(Time time);
/// RFC 3339 §5.6 with any offset; fractions beyond milliseconds are dropped. Years 1970 to 2199: a
/// clock of nanoseconds ends in 2262.
std::optional<Time> from_rfc3339(std::string_view text);

}  // namespace postern::store
