#pragma once

#include <array>
#include <string_view>

#include "base/error.h"
#include "spool/spool.h"

namespace postern::admin {

/// Filters of the queue by their names, in the query of GET /queue and behind `postern queue list`.
inline constexpr std::array<std::string_view, 7> queue_filters = {
    "state", "destination", "account", "sender", "recipient", "quarantine", "older_than"};

/// Fault::not_found for a name that is none of these; Fault::malformed, with a sentence about it,
/// for a value that is none. "<>" is the null sender; `now` is what older_than counts from.
Result<void> set_filter(spool::ListFilter& filter, std::string_view name, std::string_view value,
                        spool::Time now);

}  // namespace postern::admin
