// Values by network, where the smallest network that contains an address decides.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/ip.h"

namespace postern::dialect::kumo {

/// Look-ups cost O(log n) for each length of prefix that is in the map.
template <class T>
class CidrMap {
 public:
  /// The value of exactly this network, made if need be.
  T& operator[](const Cidr& network) {
    lengths_[network.network().is_v4()].insert(network.prefix());
    return entries_[network];
  }

  /// Null where nothing contains the network, perhaps one of a single address. Valid until the map
  /// changes.
  const T* find(const Cidr& network) const {
    const std::set<int>& lengths = lengths_[network.network().is_v4()];
    for (auto length = lengths.rbegin(); length != lengths.rend(); ++length) {
      if (*length > network.prefix()) continue;
      const auto found = entries_.find(Cidr(network.network(), *length));
      if (found != entries_.end()) return &found->second;
    }
    return nullptr;
  }

  /// By network.
  const std::map<Cidr, T>& entries() const { return entries_; }

 private:
  std::map<Cidr, T> entries_;
  std::set<int> lengths_[2];  ///< of prefixes of IPv6, of IPv4
};

}  // namespace postern::dialect::kumo
