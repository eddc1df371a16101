// A heap of numbers whose owners know where in it they are, so that any of them can be taken out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace postern::relay {

/// Not in any heap.
inline constexpr std::uint32_t nowhere = UINT32_MAX;

/// A binary heap, first the item that comes before all others; push, erase in O(log n), 4 octets an
/// item. `Access` says what an item is: `bool before(a, b)` is the order, `std::uint32_t&
/// position(a)` is where this heap notes its place (`nowhere` when it is not inside). An item whose
/// order changes is erased first and pushed again.
class IndexedHeap {
 public:
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  std::uint32_t top() const { return items_.front(); }

  template <class Access>
  void push(std::uint32_t item, const Access& access) {
    items_.push_back(item);
    access.position(item) = static_cast<std::uint32_t>(items_.size() - 1);
    rise(items_.size() - 1, access);
  }
  template <class Access>
  void erase(std::uint32_t item, const Access& access) {
    const std::size_t at = std::exchange(access.position(item), nowhere);
    const std::uint32_t last = items_.back();
    items_.pop_back();
    if (at == items_.size()) return;
    put(at, last, access);
    rise(at, access);
    sink(access.position(last), access);
  }

 private:
  template <class Access>
  void put(std::size_t at, std::uint32_t item, const Access& access) {
    items_[at] = item;
    access.position(item) = static_cast<std::uint32_t>(at);
  }
  template <class Access>
  void rise(std::size_t at, const Access& access) {
    const std::uint32_t item = items_[at];
    while (at > 0 && access.before(item, items_[(at - 1) / 2])) {
      put(at, items_[(at - 1) / 2], access);
      at = (at - 1) / 2;
    }
    put(at, item, access);
  }
  template <class Access>
  void sink(std::size_t at, const Access& access) {
    const std::uint32_t item = items_[at];
    for (std::size_t child = 2 * at + 1; child < items_.size(); child = 2 * at + 1) {
      if (child + 1 < items_.size() && access.before(items_[child + 1], items_[child])) ++child;
      if (!access.before(items_[child], item)) break;
      put(at, items_[child], access);
      at = child;
    }
    put(at, item, access);
  }

  std::vector<std::uint32_t> items_;
};

}  // namespace postern::relay
