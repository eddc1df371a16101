// A heap of item numbers. Each item stores its position, so that any item can be erased.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace postern::relay {

/// The position of an item that is in no heap.
inline constexpr std::uint32_t nowhere = UINT32_MAX;

/// A binary heap; top() is the first item in the order. push() and erase() take O(log n); an item
/// takes 4 octets. `Access` describes the items: `bool before(a, b)` is the order, and
/// `std::uint32_t& position(a)` is where the heap stores the item's position (`nowhere` when it is
/// not in the heap). Erase an item before its order changes, and push it again.
class IndexedHeap {
 public:
  /// Whether the heap has no items.
  bool empty() const { return items_.empty(); }
  /// Number of items.
  std::size_t size() const { return items_.size(); }
  /// The first item; the heap must not be empty.
  std::uint32_t top() const { return items_.front(); }

  /// Adds an item that is not in the heap.
  template <class Access>
  void push(std::uint32_t item, const Access& access) {
    items_.push_back(item);
    access.position(item) = static_cast<std::uint32_t>(items_.size() - 1);
    rise(items_.size() - 1, access);
  }
  /// Removes an item that is in the heap.
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
