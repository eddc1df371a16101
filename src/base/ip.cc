#include "base/ip.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/core.h>

#include "base/text.h"

namespace postern {

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  for (int i = 0; i < 4; ++i) {
    address.octets_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& octets) {
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  IpAddress address;
  if (std::equal(mapped.begin(), mapped.end(), octets.begin())) {
    std::copy(octets.begin() + 12, octets.end(), address.octets_.begin());
    return address;
  }
  address.v4_ = false;
  address.octets_ = octets;
  return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, 65> zero_terminated{};
  std::array<std::uint8_t, 16> octets{};
  // glibc's inet_pton already refuses leading zeros, short forms and zones.
  if (text.size() < zero_terminated.size() && text.find('\0') == std::string_view::npos) {
    std::copy(text.begin(), text.end(), zero_terminated.begin());
    const bool colon = text.find(':') != std::string_view::npos;
    if (!colon && inet_pton(AF_INET, zero_terminated.data(), octets.data()) == 1) {
      IpAddress address;
      std::copy_n(octets.begin(), 4, address.octets_.begin());
      return address;
    }
    if (colon && inet_pton(AF_INET6, zero_terminated.data(), octets.data()) == 1) {
      return v6(octets);
    }
  }
  return fail(Fault::malformed, fmt::format("`{}` is not an IP address", printable(text, 64)));
}

bool IpAddress::is_loopback() const {
  if (v4_) return octets_[0] == 127;
  return octets_[15] == 1 &&
         std::all_of(octets_.begin(), octets_.end() - 1, [](auto octet) { return octet == 0; });
}

std::string IpAddress::to_string() const {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(v4_ ? AF_INET : AF_INET6, octets_.data(), buffer, sizeof buffer);
}

namespace {

IpAddress masked(const IpAddress& address, int prefix) {
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), address.octets().data(), address.octets().size());
  for (int i = 0; i < address.bits() / 8; ++i) {
    const int keep = std::clamp(prefix - 8 * i, 0, 8);
    octets[i] = static_cast<std::uint8_t>(octets[i] & (0xff00 >> keep));
  }
  if (!address.is_v4()) return IpAddress::v6(octets);
  return IpAddress::v4(static_cast<std::uint32_t>(octets[0]) << 24 | octets[1] << 16 |
                       octets[2] << 8 | octets[3]);
}

}  // namespace

Cidr::Cidr(const IpAddress& address, int prefix)
    : network_(masked(address, prefix)), prefix_(prefix) {}

Result<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const Result<IpAddress> address = IpAddress::parse(host);
  if (!address) {
    return fail(Fault::malformed, fmt::format("`{}` is not an IP address or CIDR network; write "
                                              "for example 203.0.113.0/24 or 2001:db8::/32",
                                              printable(text, 64)));
  }
  int prefix = address->bits();
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto number = parse_number(digits);
    if (!number || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) {
      return fail(Fault::malformed,
                  fmt::format("`{}` has no valid prefix length", printable(text, 64)));
    }
    const bool mapped = address->is_v4() && host.find(':') != std::string_view::npos;
    const std::uint64_t limit = mapped ? 128 : static_cast<std::uint64_t>(address->bits());
    if (*number > limit || (mapped && *number < 96)) {
      return fail(Fault::malformed,
                  fmt::format("`{}`: prefix length {} {}", printable(text, 64), *number,
                              mapped ? "is outside 96 to 128 for an IPv4-mapped network"
                                     : fmt::format("exceeds {} for {}", limit,
                                                   address->is_v4() ? "IPv4" : "IPv6")));
    }
    prefix = static_cast<int>(*number) - (mapped ? 96 : 0);
  }
  const Cidr cidr(*address, prefix);
  if (cidr.network() != *address) {
    return fail(Fault::malformed, fmt::format("`{}` has host bits set; did you mean `{}`?",
                                              printable(text, 64), cidr.to_string()));
  }
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  return address.is_v4() == network_.is_v4() && masked(address, prefix_) == network_;
}

std::string Cidr::to_string() const { return fmt::format("{}/{}", network_.to_string(), prefix_); }

CidrSet::CidrSet(std::vector<Cidr> networks) {
  std::sort(networks.begin(), networks.end());
  for (const Cidr& cidr : networks) {
    if (networks_.empty() || !networks_.back().contains(cidr.network())) networks_.push_back(cidr);
  }
}

bool CidrSet::contains(const IpAddress& address) const {
  const Cidr key(address, address.bits());
  auto after =
      std::upper_bound(networks_.begin(), networks_.end(), key,
                       [](const Cidr& a, const Cidr& b) { return a.network() < b.network(); });
  return after != networks_.begin() && std::prev(after)->contains(address);
}

}  // namespace postern
