// Values by network. The smallest network that contains an address decides.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/ip.h"

namespace postern::dialect::kumo {

/// A lookup costs O(log n) for each prefix length that is in the map.
template <class T>
class CidrMap {
 public:
  /// The value of exactly this network; inserted if it is not there.
  T& operator[](const Cidr& network) {
    lengths_[network.network().is_v4()].insert(network.prefix());
    return entries_[network];
  }

  /// The value of the smallest network that contains `network`, which may be a single address.
  /// Null: there is none. Valid until the map changes.
  const T* find(const Cidr& network) const {
    const std::set<int>& lengths = lengths_[network.network().is_v4()];
    for (auto length = lengths.rbegin(); length != lengths.rend(); ++length) {
      if (*length > network.prefix()) continue;
      const auto found = entries_.find(Cidr(network.network(), *length));
      if (found != entries_.end()) return &found->second;
    }
    return nullptr;
  }

  /// Every entry, sorted by network.
  const std::map<Cidr, T>& entries() const { return entries_; }

 private:
  std::map<Cidr, T> entries_;
  std::set<int> lengths_[2];  ///< the prefix lengths of IPv6 [0] and of IPv4 [1]
};

}  // namespace postern::dialect::kumo
