// Counts of tries that several gateways keep together.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace postern {

/// Counts tries by key, such as guesses of a password, over all gateways of a cluster: exactly, and
/// each may be taken back. Thread-safe.
class SharedCounts {
 public:
  virtual ~SharedCounts() = default;

  /// How many tries of one kind are allowed.
  struct Limit {
    std::string_view kind;                ///< of the tries; a word
    std::uint64_t most = 0;               ///< in a window; 0: no limit
    std::chrono::milliseconds window{0};  ///< from the first try on
    /// How long the last allowed try closes the key; 0: until its window ends.
    std::chrono::milliseconds lockout{0};
  };
  /// Nullopt: it is allowed. Otherwise the seconds to wait, at least 1.
  using Answer = std::optional<std::uint64_t>;

  /// Whether the key is closed, as far as this gateway knows. Counts nothing, and does not wait.
  virtual Answer closed(const Limit& limit, std::string_view key) = 0;
  /// Counts a try if it is allowed. `done` is called once: before this returns, or soon on another
  /// thread.
  virtual void count(const Limit& limit, std::string_view key,
                     std::function<void(Answer)> done) = 0;
  /// Takes back a try that was allowed.
  virtual void take_back(const Limit& limit, std::string_view key) = 0;
};

}  // namespace postern
