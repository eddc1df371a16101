// A list of address ranges where the first match wins, converted to disjoint ranges, each with the
// value of its winning row. A lookup is a binary search in their starts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace postern::dialect::restrictions {

/// The addresses from `first` to `last`, both included.
template <class Address>
struct Range {
  Address first;  ///< lowest
  Address last;   ///< highest
};

template <class Address>
using Ranges = std::vector<Range<Address>>;  ///< sorted and disjoint

/// The part of `ranges` that is in `one`.
template <class Address>
Ranges<Address> common(const Ranges<Address>& ranges, Range<Address> one) {
  Ranges<Address> left;
  auto at = std::lower_bound(ranges.begin(), ranges.end(), one.first,
                             [](const auto& range, Address first) { return range.last < first; });
  for (; at != ranges.end() && at->first <= one.last; ++at) {
    left.push_back({std::max(at->first, one.first), std::min(at->last, one.last)});
  }
  return left;
}

/// The part of `ranges` that is not in `one`.
template <class Address>
Ranges<Address> without(const Ranges<Address>& ranges, Range<Address> one) {
  Ranges<Address> left;
  for (const Range<Address>& range : ranges) {
    if (range.last < one.first || range.first > one.last) {
      left.push_back(range);
      continue;
    }
    if (range.first < one.first) left.push_back({range.first, one.first - 1});
    if (range.last > one.last) left.push_back({one.last + 1, range.last});
  }
  return left;
}

/// Maps addresses to 32-bit values. `Address`: an unsigned integer. Thread-safe once built.
template <class Address>
class AddressRanges {
 public:
  /// No value.
  static constexpr std::uint32_t none = 0xffffffff;
  /// The range of a row. Rows are numbered from 0 in file order.
  struct Claim {
    Range<Address> range;  ///< both ends included
    std::uint32_t row;     ///< its number
  };

  /// Builds the map; call it once. `claims`: in file order. `value_of`: by row. `wins`: one element
  /// per row; set to true for rows that win somewhere.
  void build(const std::vector<Claim>& claims, const std::vector<std::uint32_t>& value_of,
             std::vector<bool>& wins) {
    const std::vector<Address> bounds = bounds_of(claims);
    const std::vector<std::uint32_t> winner = paint(claims, bounds, wins);
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const std::uint32_t value = winner[i] == none ? none : value_of[winner[i]];
      if (!starts_.empty() && values_.back() == value) continue;
      starts_.push_back(bounds[i]);
      values_.push_back(value);
    }
    starts_.shrink_to_fit();
    values_.shrink_to_fit();
    build_roots();
  }

  /// The value of an address, or `none`. O(log n).
  std::uint32_t find(Address address) const {
    if (starts_.empty()) return none;
    std::size_t begin = 0;
    std::size_t size = starts_.size();
    if (!roots_.empty()) {
      // Below the second start and from the last one on there is nothing to search.
      if (address < starts_[1]) return values_[0];
      if (address >= starts_.back()) return values_.back();
      const std::size_t top = root_of(address);
      begin = roots_[top];
      size = roots_[top + 1] + 1 - begin;
    }
    while (size > 1) {
      const std::size_t half = size / 2;
      begin += starts_[begin + half] <= address ? half : 0;
      size -= half;
    }
    return values_[begin];
  }
  /// Calls `take(first, last, value)` for each range with a value, in ascending order.
  template <class Take>
  void each(const Take& take) const {
    for (std::size_t i = 0; i < starts_.size(); ++i) {
      const Address last = i + 1 < starts_.size() ? starts_[i + 1] - 1 : ~Address{0};
      if (values_[i] != none) take(starts_[i], last, values_[i]);
    }
  }
  /// Whether every address has a value.
  bool is_total() const {
    return !values_.empty() && std::find(values_.begin(), values_.end(), none) == values_.end();
  }
  /// Octets on the heap.
  std::size_t memory() const {
    return starts_.capacity() * sizeof(Address) +
           (values_.capacity() + roots_.capacity()) * sizeof(std::uint32_t);
  }

 private:
  /// The addresses where the winner may change; contains 0 if there are claims.
  static std::vector<Address> bounds_of(const std::vector<Claim>& claims) {
    std::vector<Address> bounds;
    if (claims.empty()) return bounds;
    bounds.push_back(0);
    for (const Claim& claim : claims) {
      bounds.push_back(claim.range.first);
      if (claim.range.last != ~Address{0}) bounds.push_back(claim.range.last + 1);
    }
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    return bounds;
  }

  /// Each piece between bounds goes to the first claim that covers it. `next` links to the next
  /// free piece, with path halving, so that the whole is about linear.
  static std::vector<std::uint32_t> paint(const std::vector<Claim>& claims,
                                          const std::vector<Address>& bounds,
                                          std::vector<bool>& wins) {
    std::vector<std::uint32_t> winner(bounds.size(), none);
    std::vector<std::uint32_t> next(bounds.size() + 1);
    for (std::size_t i = 0; i < next.size(); ++i) next[i] = static_cast<std::uint32_t>(i);
    const auto free_from = [&](std::size_t at) {
      while (next[at] != at) {
        next[at] = next[next[at]];
        at = next[at];
      }
      return at;
    };
    const auto index = [&](Address address) {
      return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), address) -
                                      bounds.begin());
    };
    for (const Claim& claim : claims) {
      const std::size_t end =
          claim.range.last == ~Address{0} ? bounds.size() : index(claim.range.last + 1);
      for (std::size_t at = free_from(index(claim.range.first)); at < end; at = free_from(at)) {
        winner[at] = claim.row;
        wins[claim.row] = true;
        next[at] = static_cast<std::uint32_t>(at + 1);
      }
    }
    return winner;
  }

  /// All starts except the first, which is 0, share their upper bits (2001::/16, say); the next 16
  /// bits select a root.
  std::size_t root_of(Address address) const {
    return static_cast<std::size_t>(address >> root_shift_) & 0xffff;
  }

  /// For each value of these 16 bits: the range that contains its first address.
  void build_roots() {
    if (starts_.size() < 64) return;
    const Address differing = starts_[1] ^ starts_.back();
    unsigned bits = 0;  // from the lowest to the highest that differs
    while (bits < sizeof(Address) * 8 && differing >> bits != 0) ++bits;
    root_shift_ = bits > 16 ? bits - 16 : 0;
    const Address base = starts_[1] & ~((Address{0x10000} << root_shift_) - 1);
    roots_.resize((std::size_t{1} << 16) + 1);
    std::size_t at = 0;
    for (std::size_t top = 0; top + 1 < roots_.size(); ++top) {
      const Address first = base | static_cast<Address>(top) << root_shift_;
      while (at + 1 < starts_.size() && starts_[at + 1] <= first) ++at;
      roots_[top] = static_cast<std::uint32_t>(at);
    }
    roots_.back() = static_cast<std::uint32_t>(starts_.size() - 1);
  }

  std::vector<Address> starts_;
  std::vector<std::uint32_t> values_;
  std::vector<std::uint32_t> roots_;
  unsigned root_shift_ = 0;
};

}  // namespace postern::dialect::restrictions
