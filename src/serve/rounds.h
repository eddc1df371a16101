// Periodic work.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "base/task.h"

namespace postern::app {

/// Runs one round of `work` on the caller's executor. Its error or exception is logged as
/// `api.housekeeping` under `name` and otherwise ignored, so that later rounds run.
Task<void> in_round(std::string name, std::function<Task<Result<void>>()> work);

}  // namespace postern::app
