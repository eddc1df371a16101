// Shared limits for coroutines.
#pragma once

#include <string>

#include "base/shared_counts.h"
#include "base/shared_limits.h"
#include "net/completion.h"

namespace postern::net {

/// As SharedLimits::take(). Null: there are none, and everything is allowed.
inline Task<SharedLimits::Answer> counted(SharedLimits* limits, SharedLimits::Limit limit,
                                          std::string key) {
  if (limits == nullptr || limit.most == 0) co_return std::nullopt;
  const auto start = [&](std::function<void(SharedLimits::Answer)> done) {
    limits->take(limit, key, std::move(done));
  };
  const SharedLimits::Answer answer = co_await completion<SharedLimits::Answer>(start);
  co_return answer;
}

/// As SharedCounts::count(). Whether the try is allowed.
inline Task<bool> counted(SharedCounts* tries, SharedCounts::Limit limit, std::string key) {
  if (tries == nullptr || limit.most == 0) co_return true;
  const auto start = [&](std::function<void(SharedCounts::Answer)> done) {
    tries->count(limit, key, std::move(done));
  };
  const SharedCounts::Answer wait = co_await completion<SharedCounts::Answer>(start);
  co_return !wait;
}

}  // namespace postern::net
