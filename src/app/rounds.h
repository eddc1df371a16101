// Work that comes round again.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "base/task.h"

namespace postern::app {

/// Does one round of `work`, on the caller's executor. Its trouble, and what it throws, is logged
/// as `api.housekeeping` under `name` and goes no further, so that the next round comes.
Task<void> in_round(std::string name, std::function<Task<Result<void>>()> work);

}  // namespace postern::app
