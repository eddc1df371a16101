#include "base/ip.h"

#include <algorithm>
#include <charconv>
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
  address.family_ = Family::v6;
  address.octets_ = octets;
  return address;
}

IpAddress IpAddress::unknown() {
  IpAddress address;
  address.family_ = Family::unknown;
  return address;
}

Result<IpAddress> IpAddress::parse_client(std::string_view text) {
  return text == "unknown" ? unknown() : parse(text);
}

namespace {

using Octets = std::array<std::uint8_t, 16>;

/// Parses four decimal numbers up to 255 without leading zeros into `octets[at]` to `octets[at +
/// 3]`.
bool parse_quad(std::string_view text, Octets& octets, std::size_t at) {
  unsigned number = 0;
  unsigned digits = 0;
  unsigned dots = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || ++dots > 3) return false;
      octets[at++] = static_cast<std::uint8_t>(number);
      number = digits = 0;
      continue;
    }
    if (!is_digit(c) || (digits == 1 && number == 0) || ++digits > 3) return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
    if (number > 255) return false;
  }
  if (dots != 3 || digits == 0) return false;
  octets[at] = static_cast<std::uint8_t>(number);
  return true;
}

/// RFC 4291 §2.2: eight groups of up to four hexadecimal digits. "::" replaces one run of one group
/// or more; the last two groups may be an IPv4 address.
bool parse_groups(std::string_view text, Octets& octets) {
  constexpr std::size_t none = 17;
  std::size_t filled = 0;
  std::size_t gap = none;
  unsigned group = 0;
  unsigned digits = 0;
  std::size_t begin = 0;  // of the group
  const auto put = [&] {
    if (filled == octets.size()) return false;
    octets[filled++] = static_cast<std::uint8_t>(group >> 8);
    octets[filled++] = static_cast<std::uint8_t>(group);
    group = digits = 0;
    return true;
  };
  std::size_t at = 0;
  if (text.starts_with(':') && !text.substr(++at).starts_with(':')) return false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (const auto value = hex_value(c)) {
      if (++digits > 4) return false;
      group = group << 4 | *value;
    } else if (c == ':' && digits == 0) {
      if (gap != none) return false;
      gap = filled;
      begin = at + 1;
    } else if (c == ':') {
      if (at + 1 == text.size() || !put()) return false;
      begin = at + 1;
    } else {
      if (c != '.' || filled + 4 > octets.size()) return false;
      if (!parse_quad(text.substr(begin), octets, filled)) return false;
      filled += 4;
      digits = 0;
      break;
    }
  }
  if (digits > 0 && !put()) return false;
  if (gap == none) return filled == octets.size();
  if (filled == octets.size()) return false;
  const auto tail =
      std::copy_backward(octets.begin() + static_cast<std::ptrdiff_t>(gap),
                         octets.begin() + static_cast<std::ptrdiff_t>(filled), octets.end());
  std::fill(octets.begin() + static_cast<std::ptrdiff_t>(gap), tail, 0);
  return true;
}

}  // namespace

std::optional<IpAddress> IpAddress::from_text(std::string_view text) {
  IpAddress address;
  if (parse_quad(text, address.octets_, 0)) return address;
  Octets octets{};
  if (!parse_groups(text, octets)) return std::nullopt;
  return v6(octets);
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  if (const auto address = from_text(text)) return *address;
  return fail(Fault::malformed, fmt::format("`{}` is not an IP address", printable(text, 64)));
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return octets_[0] == 127;
  return octets_[15] == 1 &&
         std::all_of(octets_.begin(), octets_.end() - 1, [](auto octet) { return octet == 0; });
}

std::string IpAddress::to_string() const {
  if (!is_known()) return "unknown";
  char buffer[INET6_ADDRSTRLEN];
  if (!is_v4()) return inet_ntop(AF_INET6, octets_.data(), buffer, sizeof buffer);
  // The common case; glibc would format it with sprintf.
  char* end = buffer;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) *end++ = '.';
    end = std::to_chars(end, std::end(buffer), octets_[i]).ptr;
  }
  return {buffer, end};
}

Result<HostAndPortView> split_port(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return fail(Fault::malformed, "lacks a `]`");
    const std::string_view host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (rest.empty()) return HostAndPortView{host, std::nullopt, true};
    if (rest.front() != ':') return fail(Fault::malformed, "has text between `]` and `:`");
    return HostAndPortView{host, rest.substr(1), true};
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon != text.rfind(':')) {
    return HostAndPortView{text, std::nullopt, false};
  }
  return HostAndPortView{text.substr(0, colon), text.substr(colon + 1), false};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<AddressAndPort> parse_address_and_port(std::string_view text) {
  const auto split = split_port(text);
  if (!split || !split->port) return std::nullopt;
  const auto address = IpAddress::from_text(split->host);
  const auto port = parse_port(*split->port);
  if (!address || !port) return std::nullopt;
  return AddressAndPort{*address, *port, split->bracketed};
}

std::string with_port(const IpAddress& address, std::uint16_t port) {
  const std::string text = address.to_string();
  const bool bare = address.is_v4() || !address.is_known();
  return (bare ? text : "[" + text + "]") + ":" + std::to_string(port);
}

namespace {

IpAddress masked(const IpAddress& address, int prefix) {
  if (prefix >= address.bits()) return address;
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
  if (!address.is_known() || address.is_v4() != network_.is_v4()) return false;
  const std::string_view octets = address.octets();
  const std::string_view first = network_.octets();
  const auto whole = static_cast<std::size_t>(prefix_ / 8);
  if (octets.substr(0, whole) != first.substr(0, whole)) return false;
  const int rest = prefix_ % 8;
  return rest == 0 || ((octets[whole] ^ first[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool Cidr::contains(const Cidr& network) const {
  return prefix_ <= network.prefix_ && contains(network.network_);
}

std::string Cidr::to_string() const { return fmt::format("{}/{}", network_.to_string(), prefix_); }

CidrSet::CidrSet(std::vector<Cidr> networks) {
  std::sort(networks.begin(), networks.end());
  for (const Cidr& cidr : networks) {
    if (networks_.empty() || !networks_.back().contains(cidr.network())) networks_.push_back(cidr);
  }
}

bool CidrSet::contains(const IpAddress& address) const {
  if (!address.is_known()) return false;
  const Cidr key(address, address.bits());
  auto after =
      std::upper_bound(networks_.begin(), networks_.end(), key,
                       [](const Cidr& a, const Cidr& b) { return a.network() < b.network(); });
  return after != networks_.begin() && std::prev(after)->contains(address);
}

}  // namespace postern
