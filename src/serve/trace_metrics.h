#pragma once

#include "policy/trace.h"

namespace postern::app {

/// Counts the decisions of a finished transaction: verdicts of layers, checks, durations, outcome.
/// Called on event loops; takes a few hundred nanoseconds per step.
void count_decisions(const policy::Trace& trace);

}  // namespace postern::app
