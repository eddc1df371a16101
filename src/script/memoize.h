// kumo.memoize: results of a function kept for a while, one computation at a time for each key.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "script/bind.h"

namespace postern::script {

/// The caches of one program by name, shared by its states; they go with the program. Thread-safe.
class Memos {
 public:
  struct Options {
    std::chrono::milliseconds ttl{0};
    std::chrono::milliseconds negative_ttl{0};  ///< of nil and false
    std::size_t capacity = 0;
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
/// Arguments and results are data; errors are not remembered; what stands in the keys is a keyed
/// hash, so that no password is kept there. For a HostFunction row; calls go through Setup::memos.
int memoize(lua_State* L);

}  // namespace postern::script
