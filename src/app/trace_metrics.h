#pragma once

#include "policy/trace.h"

namespace postern::app {

/// Counts what a finished transaction decided: verdicts of layers, checks, durations, outcome.
/// Called on event loops; some hundred nanoseconds a step.
void count_decisions(const policy::Trace& trace);

}  // namespace postern::app
