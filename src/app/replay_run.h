// Recorded traffic through a draft, on all cores: one thread reads, the others parse and decide.
#pragma once

#include <cstdint>
#include <functional>

#include "app/replay_tally.h"
#include "base/error.h"
#include "store/traces.h"

namespace postern::app {

/// `progress` is called between batches on the calling thread with the transactions read so far.
Result<ReplayTally> replay_traces(store::TraceReader& traces, const store::TraceSpan& span,
                                  const dialect::Draft& draft, std::size_t samples,
                                  const std::function<void(std::uint64_t done)>& progress);

}  // namespace postern::app
