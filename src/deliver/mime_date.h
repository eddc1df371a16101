#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::deliver {

/// The instant of a Date field (RFC 5322 §3.3, obsolete forms of §4.3 too) as RFC 3339 in UTC;
/// nullopt when it is not a date. An unknown zone counts as UTC (§4.3).
std::optional<std::string> date_to_rfc3339(std::string_view field);

}  // namespace postern::deliver
