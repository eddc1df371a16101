// Recorded traffic of a data directory, for commands that decide it again.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/live_data.h"
#include "replay/run.h"
#include "store/traces.h"

namespace postern::app {

/// The time of an option: "24h" ago, or "2026-11-20T09:00:00Z"; nullopt: the option is not given.
tl::expected<std::optional<store::Time>, UsageError> since_of(const Arguments& arguments,
                                                              std::string_view option);
/// The newest `limit` records since a time; nullopt: all. Errors are those of LiveData::ask().
/// Blocks.
Result<store::TraceSpan> ask_span(LiveData& data, std::optional<store::Time> since,
                                  std::optional<std::uint64_t> limit);
/// Reads from `data`, which outlives the result.
replay::TraceSource source_of(LiveData& data);

}  // namespace postern::app
