// Adapts the spool's completions to coroutines.
#pragma once

#include <utility>

#include "base/error.h"
#include "net/completion.h"

namespace postern::queue {

/// Calls `start(done)` with a completion for the spool, and resumes the caller on its executor with
/// the result. The caller's event loop must run until then.
template <class T, class Start>
Task<Result<T>> stored(Start start) {
  return net::completion<Result<T>>(std::move(start));
}

}  // namespace postern::queue
