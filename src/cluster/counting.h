// What the counters of a cluster share: SharedWindows and SharedTries.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::cluster {

/// Before the database is asked again after a failure.
inline constexpr std::chrono::milliseconds counts_after_trouble{200};
/// Between two deletions of counts that are over.
inline constexpr std::chrono::minutes between_cleanings{1};

/// One name for a kind of events and a key; neither has a NUL.
inline std::string name_of(std::string_view kind, std::string_view key) {
  std::string name(kind);
  name += '\0';
  name += key;
  return name;
}

/// What one of so many gateways admits by itself, rounded up.
inline std::int64_t share_of(std::int64_t most, std::int64_t nodes) {
  nodes = std::max<std::int64_t>(1, nodes);
  return (most + nodes - 1) / nodes;
}

/// As SharedLimits::Answer and SharedCounts::Answer.
using CountAnswer = std::optional<std::uint64_t>;

/// Who waits for an answer, and gets it once.
struct Waiting {
  std::function<void(CountAnswer)> done;  ///< null: it has its answer
  CountAnswer beyond;                     ///< what it gets if it is not admitted
};

/// Answers that are given when no lock is held any more.
using Calls = std::vector<std::pair<std::function<void(CountAnswer)>, CountAnswer>>;

/// Adds the call for this one, unless it has its answer.
inline void answer(Waiting& waiting, bool admitted, Calls& calls) {
  if (!waiting.done) return;
  calls.emplace_back(std::exchange(waiting.done, nullptr),
                     admitted ? std::nullopt : waiting.beyond);
}

}  // namespace postern::cluster
