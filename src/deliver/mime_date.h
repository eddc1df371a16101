#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::deliver {

/// Converts a Date field (RFC 5322 §3.3, and the obsolete forms of §4.3) to RFC 3339 §5.6 in UTC;
/// nullopt if it is not a date. An unknown zone is UTC (§4.3); second 60 is the first second of the
/// next minute.
std::optional<std::string> date_to_rfc3339(std::string_view field);

}  // namespace postern::deliver
