// Whether a set of networks contains unknown clients: the difference between a relay for the
// operator's clients and an open relay. Everything that grants by network uses this check.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/ip.h"

namespace postern {

/// The addresses of one family from `first` to `last`, inclusive.
struct AddressRange {
  IpAddress first;  ///< the lowest address
  IpAddress last;   ///< the highest address, of the same family
};
/// The first and the last address of a network.
AddressRange range_of(const Cidr& network);

/// One entry of a list in which the first match decides.
struct AddressClaim {
  AddressRange range;  ///< the range decided here
  bool in = true;      ///< false: the range is excluded
};

/// A public Internet address in these networks if they are too large to be one operator's clients;
/// nullopt: they are not. Networks are merged first, however they are split. Too large means: a
/// contiguous range wider than an IPv4 /8 or an IPv6 /32, or in total at least an IPv4 /5 or 256
/// IPv6 /32. Addresses that are not globally reachable (RFC 6890 §2.2) do not count. O(n log n).
/// Thread-safe.
std::optional<IpAddress> stranger_in(std::span<const Cidr> networks);
/// The same for a list in which the first match decides.
std::optional<IpAddress> stranger_in(std::span<const AddressClaim> claims);

/// The same for a set that can only be queried, such as a table or a pattern: it is sampled, and
/// each sample stands for its surroundings. Calls `contains` 230 times at most.
std::optional<IpAddress> stranger_where(const std::function<bool(const IpAddress&)>& contains);

}  // namespace postern
