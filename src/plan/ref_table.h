// What decision diagrams look up most: a number for a key, in one piece of memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace postern::plan {

/// Numbers by keys, with open addressing and linear probing: no allocation for an entry. Entries
/// are not removed. Not thread-safe.
class RefTable {
 public:
  /// The number of this key for which `is` holds; null: none. The pointer is good until add().
  template <class Is>
  const std::uint32_t* find(std::uint64_t key, const Is& is) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t at = place_of(key);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.ref == none) return nullptr;
      if (slot.key == key && is(slot.ref)) return &slot.ref;
    }
  }
  /// Adds a number below 2^32 - 1. The key may have others.
  void add(std::uint64_t key, std::uint32_t ref) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    put({key, ref});
    ++used_;
  }

 private:
  static constexpr auto none = static_cast<std::uint32_t>(-1);
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t ref = none;
  };

  /// Keys may be pairs of small numbers: the highest bits of the product hang on all of them
  /// (Knuth, TAOCP 3, §6.4).
  std::size_t place_of(std::uint64_t key) const {
    return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15u >> shift_);
  }
  void put(Slot slot) {
    std::size_t at = place_of(slot.key);
    while (slots_[at].ref != none) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : 2 * slots_.size());
    slots_.swap(old);
    shift_ = 65 - std::bit_width(slots_.size());
    for (const Slot& slot : old) {
      if (slot.ref != none) put(slot);
    }
  }

  std::vector<Slot> slots_;  ///< a power of two
  int shift_ = 0;            ///< of 64 bits to a place
  std::size_t used_ = 0;
};

}  // namespace postern::plan
