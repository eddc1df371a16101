// How many traces ended how, and why: kept with the traces, so that a chart counts no rows.
#pragma once

#include <chrono>
#include <string>

#include "store/traces.h"

namespace postern::store {

/// Counts a trace for the gateway, its account and its webhook. An aborted one is not counted.
void count(Database& database, const TraceRow& row);

/// Folds what is older than two days into hours, some hours a call, and takes away what is older
/// than `keep`.
void tidy_tallies(Database& database, Time now, std::chrono::seconds keep);

/// What was counted for an account and its webhooks; before its traces go.
void forget_tallies(Database& database, const std::string& account_id);

}  // namespace postern::store
