// kumo.memoize: results of a function kept for a while, one computation at a time for each key.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "script/bind.h"

namespace postern::script {

/// A class of the host's whose values memoized functions may return, see shared_class().
struct SharedClass {
  std::string_view name;
  /// A value that another state may have, perhaps on another thread.
  std::shared_ptr<void> (*copy)(const std::shared_ptr<void>& value);
  /// For records, and back.
  json::value (*data)(const std::shared_ptr<void>& value);
  std::shared_ptr<void> (*again)(const json::value& data);
};

/// Of a T whose copies may be read while others are read or changed, with a ClassName and Kept.
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

/// The caches of one program by name, shared by its states; they go with the program. Thread-safe.
class Memos {
 public:
  struct Options {
    std::chrono::milliseconds ttl{0};
    std::chrono::milliseconds negative_ttl{0};  ///< of nil and false
    std::size_t capacity = 0;
    /// How long a call waits for the computation of another one.
    std::chrono::milliseconds populate_timeout{120'000};
    bool retry = false;  ///< then it computes for itself; false: it fails
    bool operator==(const Options&) const = default;
  };
  class Cache;

  /// The cache of that name. With other options than before, a new one takes its place.
  std::shared_ptr<Cache> named(const std::string& name, const Options& options);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Cache>> caches_;
};

/// `memoize(function, options)`, with `name`, `ttl` and `capacity`: a function that remembers.
/// Arguments and results are data, or one result of a class in Setup::shared; errors are not
/// remembered, and a call within its own computation computes; what stands in the keys is a keyed
/// hash, so that no password is kept there. For a HostFunction row; calls go through Setup::memos.
int memoize(lua_State* L);

}  // namespace postern::script
