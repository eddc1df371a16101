// A map that Lua states on several threads may share.
#pragma once

#include <atomic>
#include <memory>

namespace postern::dialect::kumo {

/// A copy-on-write map: copies share it until one of them changes. Each copy is for one thread.
template <class Map>
class SharedMap {
 public:
  /// To read; valid until to_change() or the end of this object.
  const Map& get() const { return *map_; }
  /// To change; copies the map if it is shared.
  Map& to_change() {
    // If this is the only owner, the fence orders its writes after the reads of the previous
    // owners.
    if (map_.use_count() > 1) map_ = std::make_shared<Map>(*map_);
    std::atomic_thread_fence(std::memory_order_acquire);
    return *map_;
  }

 private:
  std::shared_ptr<Map> map_ = std::make_shared<Map>();
};

}  // namespace postern::dialect::kumo
