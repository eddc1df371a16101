#include "base/address_guard.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace postern {

namespace {

struct Special {
  std::string_view network;
  std::string_view purpose;
  Reach reach;
};

// The IANA special-purpose registries (RFC 6890 §2.2.2 and §2.2.3) plus the multicast and reserved
// ranges. The globally reachable blocks inside these networks (192.0.0.9, 2001:1::1, ...) are not
// exempt: they are anycast addresses of protocols, never mail hosts.
constexpr Special special_networks[] = {
    {"0.0.0.0/8", "this network", Reach::none},               // RFC 791 §3.2
    {"10.0.0.0/8", "private network", Reach::local},          // RFC 1918 §3
    {"100.64.0.0/10", "shared address space", Reach::local},  // RFC 6598 §7
    {"127.0.0.0/8", "loopback", Reach::none},                 // RFC 1122 §3.2.1.3
    {"169.254.0.0/16", "link-local",
     Reach::none},  // RFC 3927 §2.1; includes cloud metadata services
    {"172.16.0.0/12", "private network", Reach::local},          // RFC 1918 §3
    {"192.0.0.0/24", "protocol assignments", Reach::none},       // RFC 6890 §2.1
    {"192.0.2.0/24", "documentation", Reach::documentation},     // RFC 5737 §3
    {"192.88.99.0/24", "6to4 relay", Reach::none},               // RFC 6890 §2.2.2
    {"192.168.0.0/16", "private network", Reach::local},         // RFC 1918 §3
    {"198.18.0.0/15", "benchmarking", Reach::local},             // RFC 6890 §2.2.2
    {"198.51.100.0/24", "documentation", Reach::documentation},  // RFC 5737 §3
    {"203.0.113.0/24", "documentation", Reach::documentation},   // RFC 5737 §3
    {"224.0.0.0/4", "multicast", Reach::none},                   // RFC 1112 §4
    {"240.0.0.0/4", "reserved", Reach::none},         // RFC 1112 §4; includes the broadcast address
    {"::/128", "unspecified", Reach::none},           // RFC 4291 §2.5.2
    {"::1/128", "loopback", Reach::none},             // RFC 4291 §2.5.3
    {"64:ff9b:1::/48", "local NAT64", Reach::local},  // RFC 8215; may embed any IPv4 address
    {"100::/64", "discard", Reach::none},             // RFC 6890 §2.2.3
    {"100:0:0:1::/64", "dummy prefix", Reach::none},  // RFC 9780
    {"2001::/23", "protocol assignments",
     Reach::none},  // RFC 6890 §2.2.3; includes Teredo and ORCHID
    {"2001:db8::/32", "documentation", Reach::documentation},  // RFC 3849 §2
    {"3fff::/20", "documentation", Reach::documentation},      // RFC 9637
    {"5f00::/16", "segment routing", Reach::none},             // RFC 9602
    {"fc00::/7", "private network", Reach::local},             // RFC 4193 §3.1
    {"fe80::/10", "link-local", Reach::none},                  // RFC 4291 §2.5.6
    {"fec0::/10", "site-local", Reach::local},                 // RFC 3879 §4
    {"ff00::/8", "multicast", Reach::none},                    // RFC 4291 §2.7
};

struct Entry {
  Cidr network;
  std::string_view purpose;
  Reach reach;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> made = [] {
    std::vector<Entry> list;
    for (const Special& special : special_networks) {
      list.push_back({*Cidr::parse(special.network), special.purpose, special.reach});
    }
    return list;
  }();
  return made;
}

std::uint32_t ipv4_at(std::string_view octets, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<std::uint8_t>(octets[at + i]);
  }
  return value;
}

/// The IPv4 address at which packets to this IPv6 address arrive.
std::optional<IpAddress> embedded_ipv4(const IpAddress& address) {
  static const Cidr nat64 = *Cidr::parse("64:ff9b::/96");     // RFC 6052 §2.1
  static const Cidr six_to_four = *Cidr::parse("2002::/16");  // RFC 3056 §2
  static const Cidr compatible = *Cidr::parse("::/96");       // RFC 4291 §2.5.5.1
  if (address.is_v4()) return std::nullopt;  // IPv4-mapped addresses became IPv4 when parsed
  const std::string_view octets = address.octets();
  if (nat64.contains(address)) return IpAddress::v4(ipv4_at(octets, 12));
  if (six_to_four.contains(address)) return IpAddress::v4(ipv4_at(octets, 2));
  // RFC 2765 §2.1, IPv4-translated: ::ffff:0:a.b.c.d.
  static const Cidr translated = *Cidr::parse("::ffff:0:0:0/96");
  if (translated.contains(address)) return IpAddress::v4(ipv4_at(octets, 12));
  if (compatible.contains(address) && ipv4_at(octets, 12) > 1) {
    return IpAddress::v4(ipv4_at(octets, 12));
  }
  return std::nullopt;
}

const Entry* entry_of(const IpAddress& address) {
  const IpAddress judged = embedded_ipv4(address).value_or(address);
  for (const Entry& entry : entries()) {
    if (entry.network.contains(judged)) return &entry;
  }
  return nullptr;
}

}  // namespace

Reach reach_of(const IpAddress& address) {
  const Entry* const entry = entry_of(address);
  return entry != nullptr ? entry->reach : Reach::global;
}

std::string_view special_purpose(const IpAddress& address) {
  const Entry* const entry = entry_of(address);
  return entry != nullptr ? entry->purpose : std::string_view();
}

bool refused(const IpAddress& address, const CidrSet& allowed) {
  const IpAddress judged = embedded_ipv4(address).value_or(address);
  if (allowed.contains(judged)) return false;
  return !special_purpose(judged).empty();
}

}  // namespace postern
