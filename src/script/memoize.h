// kumo.memoize: keeps a function's results for some time; one computation at a time for each key.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "script/bind.h"

namespace postern::script {

/// A host class whose values memoized functions may return, see shared_class().
struct SharedClass {
  /// ClassName of the class.
  std::string_view name;
  /// A copy for another state, which may run on another thread.
  std::shared_ptr<void> (*copy)(const std::shared_ptr<void>& value);
  /// The value as JSON for records.
  json::value (*data)(const std::shared_ptr<void>& value);
  /// The value from such JSON.
  std::shared_ptr<void> (*again)(const json::value& data);
};

/// The SharedClass of T, with ClassName<T> and Kept<std::shared_ptr<T>>. A copy of a T must not
/// share mutable state with it.
template <class T>
constexpr SharedClass shared_class() {
  using Holder = std::shared_ptr<T>;
  return {.name = ClassName<T>::value,
          .copy = [](const std::shared_ptr<void>& value) -> std::shared_ptr<void> {
            return std::make_shared<T>(*static_cast<const T*>(value.get()));
          },
          .data = [](const std::shared_ptr<void>& value) -> json::value {
            return Kept<Holder>::data(std::static_pointer_cast<T>(value));
          },
          .again = [](const json::value& data) -> std::shared_ptr<void> {
            return Kept<Holder>::again(data);
          }};
}

/// The caches of one program by name, shared by its states. Thread-safe.
class Memos {
 public:
  /// Options of one cache.
  struct Options {
    std::chrono::milliseconds ttl{0};           ///< how long a result is valid
    std::chrono::milliseconds negative_ttl{0};  ///< the same for nil and false
    std::size_t capacity = 0;                   ///< most results kept
    /// How long a call waits for the computation of another call.
    std::chrono::milliseconds populate_timeout{120'000};
    bool retry = false;  ///< after that it computes itself; false: it fails
    bool operator==(const Options&) const = default;
  };
  /// See memo_cache.h.
  class Cache;

  /// The cache of that name; with changed options a new one replaces it.
  std::shared_ptr<Cache> named(const std::string& name, const Options& options);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Cache>> caches_;
};

/// `memoize(function, options)` with `name`, `ttl` and `capacity`: returns a function that
/// remembers results. Arguments and results are data, or one result of a class in Setup::shared.
/// Errors are not remembered. A recursive call within a computation computes. Keys are keyed
/// hashes, so that they hold no password. The caches are Setup::memos. For a HostFunction row.
int memoize(lua_State* L);

}  // namespace postern::script
