// Whether a set of networks holds strangers: what tells a relay for one's own clients from an open
// one. Everything that grants by network asks here.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/ip.h"

namespace postern {

/// Addresses of one family from `first` to `last`, both included.
struct AddressRange {
  IpAddress first;
  IpAddress last;
};
AddressRange range_of(const Cidr& network);

/// One entry of a list in which the first match decides.
struct AddressClaim {
  AddressRange range;
  bool in = true;  ///< false: what is in it is out
};

/// An address of the public Internet in these networks, where they are too many for anybody's own
/// clients; nullopt: they are not. Networks are taken together, however they are cut: in one piece
/// (next to each other or overlapping) wider than an IPv4 /8 or an IPv6 /32, or all together as
/// much as an IPv4 /5 or 256 IPv6 /32. Private, link-local, loopback and other addresses that no
/// stranger comes from do not count (RFC 6890).
std::optional<IpAddress> stranger_in(std::span<const Cidr> networks);
std::optional<IpAddress> stranger_in(std::span<const AddressClaim> claims);

/// The same of a set that can only be asked, such as a table or a pattern: probes stand for what is
/// around them.
std::optional<IpAddress> stranger_where(const std::function<bool(const IpAddress&)>& contains);

}  // namespace postern
