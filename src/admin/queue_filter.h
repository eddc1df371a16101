#pragma once

#include <array>
#include <string_view>

#include "base/error.h"
#include "spool/spool.h"

namespace postern::admin {

/// The names of queue filters, for the query of GET /queue and the arguments of `postern queue
/// list`.
inline constexpr std::array<std::string_view, 7> queue_filters = {
    "state", "destination", "account", "sender", "recipient", "quarantine", "older_than"};

/// Sets one filter. Fault::not_found: unknown name. Fault::malformed, with a message: invalid
/// value. "<>" is the null reverse-path. older_than is relative to `now`.
Result<void> set_filter(spool::ListFilter& filter, std::string_view name, std::string_view value,
                        spool::Time now);

}  // namespace postern::admin
