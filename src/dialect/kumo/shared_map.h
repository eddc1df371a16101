// A map that states on several threads may have: copies of it are one map until one of them
// changes.
#pragma once

#include <atomic>
#include <memory>

namespace postern::dialect::kumo {

template <class Map>
class SharedMap {
 public:
  const Map& get() const { return *map_; }
  Map& to_change() {
    // Who has it alone has seen the last of the others go.
    if (map_.use_count() > 1) map_ = std::make_shared<Map>(*map_);
    std::atomic_thread_fence(std::memory_order_acquire);
    return *map_;
  }

 private:
  std::shared_ptr<Map> map_ = std::make_shared<Map>();
};

}  // namespace postern::dialect::kumo
