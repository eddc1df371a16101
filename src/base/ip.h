// Client addresses and networks. An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) is treated as IPv4
// everywhere.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern {

/// An IPv4 or IPv6 address, or an unknown one. The default is 0.0.0.0. `::ffff:a.b.c.d` becomes
/// IPv4 when parsed or made from octets.
class IpAddress {
 public:
  IpAddress() = default;
  /// Strict: four decimal numbers without leading zeros, or the text form of RFC 4291 §2.2 without
  /// a zone. Fault::malformed: anything else.
  static Result<IpAddress> parse(std::string_view text);
  /// As parse(), without an error message: for text that often is not an address.
  static std::optional<IpAddress> from_text(std::string_view text);
  /// From a number whose most significant octet comes first in the address.
  static IpAddress v4(std::uint32_t host_order);
  /// From octets in network order.
  static IpAddress v6(const std::array<std::uint8_t, 16>& octets);
  /// The address of a client that a proxy did not report. It is in no network, so no rule by
  /// network grants it anything; it is neither IPv4 nor loopback.
  static IpAddress unknown();
  /// Reads what to_string() wrote: parse(), or unknown() for "unknown".
  static Result<IpAddress> parse_client(std::string_view text);

  /// False for unknown().
  bool is_known() const { return family_ != Family::unknown; }
  /// False for IPv6 and unknown().
  bool is_v4() const { return family_ == Family::v4; }
  /// 4 or 16 octets in network order; 16 zeros when unknown.
  std::string_view octets() const {
    return {reinterpret_cast<const char*>(octets_.data()), is_v4() ? 4u : 16u};
  }
  /// The address length in bits: 32 or 128.
  int bits() const { return is_v4() ? 32 : 128; }
  /// In 127.0.0.0/8, or ::1.
  bool is_loopback() const;
  /// The canonical text (RFC 5952 §4); "unknown" for an unknown address, the key of such clients in
  /// Postfix access tables.
  std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  enum class Family : std::uint8_t { v6, v4, unknown };
  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> octets_{};
};

/// The host and the port of a text, neither validated. The views point into the text.
struct HostAndPortView {
  std::string_view host;                 ///< without brackets
  std::optional<std::string_view> port;  ///< the text after the colon; nullopt: no colon
  bool bracketed = false;                ///< written as `[host]`
};
/// `host`, `host:port`, `[host]` or `[host]:port`. A text without brackets and with two colons or
/// more is a host only. Fault::malformed: `]` is missing, or text other than `:port` follows it.
Result<HostAndPortView> split_port(std::string_view text);
/// Decimal digits, up to 65535. 0 is valid: the system chooses a port.
std::optional<std::uint16_t> parse_port(std::string_view text);

/// A socket address.
struct AddressAndPort {
  IpAddress address;       ///< never unknown
  std::uint16_t port = 0;  ///< in host order; 0 is valid
  bool bracketed = false;  ///< written as `[address]`: required for IPv6, allowed for IPv4
};
/// "192.0.2.1:25" or "[2001:db8::1]:25"; nullopt: anything else, such as a host name.
std::optional<AddressAndPort> parse_address_and_port(std::string_view text);
/// The inverse: IPv6 addresses get brackets.
std::string with_port(const IpAddress& address, std::uint16_t port);

/// A network in CIDR notation. The host bits are zero.
class Cidr {
 public:
  /// `address[/prefix]`; a bare address is a network of one address. `::ffff:a.b.c.d/N` with N >=
  /// 96 becomes IPv4 /(N-96). Fault::malformed: not a network, or host bits are set; the message
  /// then proposes the network.
  static Result<Cidr> parse(std::string_view text);
  Cidr(const IpAddress& address, int prefix);  ///< clears the host bits

  /// The first address.
  const IpAddress& network() const { return network_; }
  /// Prefix length: 0 to 32 or 128.
  int prefix() const { return prefix_; }
  /// Whether it contains exactly one address.
  bool is_host() const { return prefix_ == network_.bits(); }
  /// False for an address of the other family and for an unknown one.
  bool contains(const IpAddress& address) const;
  /// Whether every address of `network` is in this one.
  bool contains(const Cidr& network) const;
  /// `address/prefix`.
  std::string to_string() const;
  auto operator<=>(const Cidr&) const = default;

 private:
  IpAddress network_;
  int prefix_ = 0;
};

/// A set of networks with lookup in O(log n): contained networks are dropped, the disjoint rest is
/// sorted. An address matches networks of its own family only.
class CidrSet {
 public:
  CidrSet() = default;
  /// In any order; networks may overlap.
  explicit CidrSet(std::vector<Cidr> networks);
  /// False for an unknown address.
  bool contains(const IpAddress& address) const;
  bool empty() const { return networks_.empty(); }
  /// Sorted and disjoint.
  const std::vector<Cidr>& networks() const { return networks_; }

 private:
  std::vector<Cidr> networks_;
};

}  // namespace postern
