// Work of host functions on threads, for which a call waits no longer than it may take.
#pragma once

#include <functional>

#include "script/call.h"

namespace postern::script {

/// World::blocking() of a call's own. Fault::temporary at the call's deadline, too: the thread may
/// work on then, with what the job owns, and nobody hears of its end.
Task<Result<void>> blocking(Call& call, std::function<void()> job);

}  // namespace postern::script
