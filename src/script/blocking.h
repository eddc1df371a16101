// Work of host functions on other threads, with the call's deadline.
#pragma once

#include <functional>

#include "script/call.h"

namespace postern::script {

/// Runs `job` by World::blocking() of the call. Also Fault::temporary at the call's deadline; the
/// thread may then go on with what the job owns, and its result is dropped.
Task<Result<void>> blocking(Call& call, std::function<void()> job);

}  // namespace postern::script
