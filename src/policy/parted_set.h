#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace postern::policy {

/// A hash set in 64 parts. Only one part is rehashed at a time, so that an edit blocks readers
/// briefly. `Key` returns an element's key, a string_view into it. Not synchronized.
template <class T, class Key>
class PartedSet {
 public:
  /// Null if there is none; valid until the element is replaced or erased.
  const T* find(std::string_view key) const {
    const Part& part = part_of(key);
    const auto found = part.find(key);
    return found == part.end() ? nullptr : &*found;
  }
  /// Adds the element, replaces the one of the same key.
  void put(T element) {
    Part& part = part_of(Key{}(element));
    const auto found = part.find(Key{}(element));
    if (found != part.end()) part.erase(found);
    part.insert(std::move(element));
  }
  /// Does nothing if there is none.
  void erase(std::string_view key) {
    Part& part = part_of(key);
    const auto found = part.find(key);
    if (found != part.end()) part.erase(found);
  }
  /// Number of elements.
  std::size_t size() const {
    std::size_t total = 0;
    for (const Part& part : parts_) total += part.size();
    return total;
  }

 private:
  static constexpr std::size_t part_count = 64;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
    std::size_t operator()(const T& element) const { return (*this)(Key{}(element)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const T& a, const T& b) const { return Key{}(a) == Key{}(b); }
    bool operator()(std::string_view key, const T& element) const { return key == Key{}(element); }
    bool operator()(const T& element, std::string_view key) const { return key == Key{}(element); }
  };
  using Part = std::unordered_set<T, Hash, Equal>;

  Part& part_of(std::string_view key) { return parts_[index(key)]; }
  const Part& part_of(std::string_view key) const { return parts_[index(key)]; }
  /// The top bits: the parts use the others.
  static std::size_t index(std::string_view key) {
    return std::hash<std::string_view>{}(key) >> (8 * sizeof(std::size_t) - 6);
  }

  std::array<Part, part_count> parts_;
};

}  // namespace postern::policy
