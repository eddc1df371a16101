// How traces.cc writes rows and trace_search.cc reads them.
#pragma once

#include <cstdint>

#include "store/traces.h"

namespace postern::store {

/// "SELECT ... FROM trace WHERE "
extern const char* const trace_columns;
/// A row of it.
TraceRow trace_row(const Row& row);

/// What one row of `tally` and of `tally_hour` counts.
inline constexpr std::int64_t tally_slot_ms = 5 * 60 * 1000;
inline constexpr std::int64_t tally_hour_ms = 3600 * 1000;

}  // namespace postern::store
