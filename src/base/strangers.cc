#include "base/strangers.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <utility>

namespace postern {

namespace {

using Number = unsigned __int128;

Number address_number(const IpAddress& address) {
  Number number = 0;
  for (const char octet : address.octets())
    number = number << 8 | static_cast<unsigned char>(octet);
  return number;
}

IpAddress address_of(Number number, bool v4) {
  if (v4) return IpAddress::v4(static_cast<std::uint32_t>(number));
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = octets.size(); i-- > 0; number >>= 8) {
    octets[i] = static_cast<std::uint8_t>(number);
  }
  return IpAddress::v6(octets);
}

struct Piece {
  Number first;
  Number last;
};

std::vector<Piece> pieces_of(std::span<const char* const> networks) {
  std::vector<Piece> out;
  for (const char* text : networks) {
    const AddressRange range = range_of(*Cidr::parse(text));
    out.push_back({address_number(range.first), address_number(range.last)});
  }
  return out;
}

struct Family {
  bool v4;
  int bits;
  int piece;     ///< a contiguous range of more addresses than such a prefix is too wide
  int together;  ///< ranges that total as many addresses as such a prefix are too many
  std::vector<Piece> others;  ///< not reachable over the Internet; sorted
};

/// Networks that are not globally reachable (RFC 6890 §2.2), and multicast.
const Family& family(bool v4) {
  static constexpr const char* not_public[] = {"0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10",
                                               "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
                                               "192.168.0.0/16", "198.18.0.0/15",  "224.0.0.0/3"};
  // Only 2000::/3 is allocated as global unicast (RFC 4291 §2.4, IANA registry).
  static constexpr const char* not_global[] = {"::/3", "4000::/2", "8000::/1"};
  static const Family four{true, 32, 8, 5, pieces_of(not_public)};
  static const Family six{false, 128, 32, 24, pieces_of(not_global)};
  return v4 ? four : six;
}

/// Sorted, with adjacent and overlapping pieces merged.
std::vector<Piece> joined(std::vector<Piece> pieces) {
  std::ranges::sort(pieces, {}, &Piece::first);
  std::vector<Piece> out;
  for (const Piece& one : pieces) {
    if (!out.empty() && (one.first <= out.back().last || one.first - 1 == out.back().last)) {
      out.back().last = std::max(out.back().last, one.last);
    } else {
      out.push_back(one);
    }
  }
  return out;
}

/// The parts of `all` outside `others`; both are sorted and disjoint.
std::vector<Piece> without(const std::vector<Piece>& all, const std::vector<Piece>& others) {
  std::vector<Piece> out;
  for (Piece one : all) {
    bool left = true;
    for (const Piece& other : others) {
      if (other.first > one.last) break;
      if (other.last < one.first) continue;
      if (other.first > one.first) out.push_back({one.first, other.first - 1});
      left = other.last < one.last;
      if (!left) break;
      one.first = other.last + 1;
    }
    if (left) out.push_back(one);
  }
  return out;
}

constexpr const char* usual[] = {"192.0.2.10", "198.51.100.77", "203.0.113.200", "2001:db8:77::a"};

/// An example address to report: one reserved for documentation if the pieces contain one.
IpAddress spokesman(const std::vector<Piece>& pieces, const Piece& widest, bool v4) {
  for (const char* text : usual) {
    const IpAddress one = *IpAddress::from_text(text);
    const Number number = address_number(one);
    const auto holds = [&](const Piece& piece) {
      return piece.first <= number && number <= piece.last;
    };
    if (one.is_v4() == v4 && std::ranges::any_of(pieces, holds)) return one;
  }
  return address_of(widest.first + (widest.last - widest.first) / 2, v4);
}

/// The ranges that the claims let in: of each claim, the part that no earlier claim has decided.
/// O(n log n): decided ranges are merged.
std::vector<Piece> pieces_of(std::span<const AddressClaim> claims, bool v4) {
  std::map<Number, Number> decided;  // disjoint; first address to last
  std::vector<Piece> in;
  for (const AddressClaim& claim : claims) {
    if (claim.range.first.is_v4() != v4) continue;
    Piece all{address_number(claim.range.first), address_number(claim.range.last)};
    Piece rest = all;
    bool left = true;
    const auto take = [&](Number last) {
      if (claim.in) in.push_back({rest.first, last});
    };
    auto next = decided.upper_bound(all.first);
    if (next != decided.begin() && std::prev(next)->second >= all.first) --next;
    while (next != decided.end() && next->first <= all.last) {
      if (next->first > rest.first) take(next->first - 1);
      left = next->second < all.last;
      if (left) rest.first = next->second + 1;
      all.first = std::min(all.first, next->first);
      all.last = std::max(all.last, next->second);
      next = decided.erase(next);
    }
    if (left) take(rest.last);
    decided.emplace(all.first, all.last);
  }
  return joined(std::move(in));
}

std::optional<IpAddress> stranger_of(std::span<const AddressClaim> claims, const Family& family) {
  const std::vector<Piece> pieces = without(pieces_of(claims, family.v4), family.others);
  const auto size = [&](int prefix) { return Number{1} << (family.bits - prefix); };
  Number sum = 0;
  const Piece* widest = nullptr;
  for (const Piece& one : pieces) {
    const Number addresses = one.last - one.first + 1;
    sum += addresses;
    if (widest == nullptr || addresses > widest->last - widest->first + 1) widest = &one;
  }
  if (widest == nullptr) return std::nullopt;
  const bool wide = widest->last - widest->first + 1 > size(family.piece);
  if (!wide && sum < size(family.together)) return std::nullopt;
  return spokesman(pieces, *widest, family.v4);
}

}  // namespace

AddressRange range_of(const Cidr& network) {
  const bool v4 = network.network().is_v4();
  const int host_bits = network.network().bits() - network.prefix();
  const Number first = address_number(network.network());
  const Number hosts = host_bits == 128 ? ~Number{0} : (Number{1} << host_bits) - 1;
  return {network.network(), address_of(first | hosts, v4)};
}

std::optional<IpAddress> stranger_in(std::span<const AddressClaim> claims) {
  const auto found = stranger_of(claims, family(true));
  return found ? found : stranger_of(claims, family(false));
}

std::optional<IpAddress> stranger_in(std::span<const Cidr> networks) {
  std::vector<AddressClaim> claims;
  for (const Cidr& network : networks) claims.push_back({.range = range_of(network)});
  return stranger_in(claims);
}

std::optional<IpAddress> stranger_where(const std::function<bool(const IpAddress&)>& contains) {
  std::vector<AddressClaim> claims;  // each IPv4 probe stands for its /8
  std::vector<IpAddress> inside;
  for (const char* text : usual) {
    const IpAddress one = *IpAddress::from_text(text);
    if (one.is_v4() && contains(one)) inside.push_back(one);
  }
  for (std::uint32_t first = 1; first < 224; ++first) {
    const IpAddress one = IpAddress::v4(first << 24 | 0x00a35b4d);
    if (!contains(one)) continue;
    claims.push_back({.range = range_of(Cidr(one, 8))});
    inside.push_back(one);
  }
  if (stranger_in(claims)) return inside.front();
  inside.clear();
  for (const char* text : {"2001:db8:77::a", "2400:77::a", "2600:77::a", "2a00:77::a"}) {
    const IpAddress one = *IpAddress::from_text(text);
    if (contains(one)) inside.push_back(one);
  }
  // No single operator's network contains two of these probes.
  return inside.size() > 1 ? std::optional(inside.front()) : std::nullopt;
}

}  // namespace postern
