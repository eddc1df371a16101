// Client addresses and networks. An IPv4-mapped IPv6 address is its IPv4 address everywhere.
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

/// An IPv4 or IPv6 address, or one that nobody knows. `::ffff:a.b.c.d` is taken as IPv4 when parsed
/// or made from octets.
class IpAddress {
 public:
  IpAddress() = default;
  /// Strict: four decimal numbers without leading zeros, or RFC 4291 text without a zone.
  static Result<IpAddress> parse(std::string_view text);
  /// The same where text that is no address is nothing unusual: no sentence about it is made.
  static std::optional<IpAddress> from_text(std::string_view text);
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v6(const std::array<std::uint8_t, 16>& octets);
  /// Of a client whose address a proxy does not tell: it is in no network, so nothing that goes by
  /// networks lets it in, and it is neither IPv4 nor loopback.
  static IpAddress unknown();
  /// The same of what to_string() wrote: parse(), or unknown() for "unknown".
  static Result<IpAddress> parse_client(std::string_view text);

  bool is_known() const { return family_ != Family::unknown; }
  bool is_v4() const { return family_ == Family::v4; }
  /// 4 or 16 octets in network order; 16 zeros where it is unknown.
  std::string_view octets() const {
    return {reinterpret_cast<const char*>(octets_.data()), is_v4() ? 4u : 16u};
  }
  int bits() const { return is_v4() ? 32 : 128; }
  bool is_loopback() const;
  /// "unknown" where it is: the key under which access tables find such clients, as with Postfix.
  std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  enum class Family : std::uint8_t { v6, v4, unknown };
  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> octets_{};
};

/// Host and port of a text, neither judged yet. The views are parts of the text.
struct HostAndPortView {
  std::string_view host;                 ///< without its brackets
  std::optional<std::string_view> port;  ///< what stands behind the colon, if there is one
  bool bracketed = false;
};
/// `host`, `host:port`, `[host]` or `[host]:port`. Without brackets a text with two colons or more
/// is all host. Fault::malformed: the `]` is missing, or something else than a port is behind it.
Result<HostAndPortView> split_port(std::string_view text);
/// Decimal digits, up to 65535. 0 is one, too: the system chooses.
std::optional<std::uint16_t> parse_port(std::string_view text);

struct AddressAndPort {
  IpAddress address;
  std::uint16_t port = 0;
  bool bracketed = false;  ///< as IPv6 has to be and IPv4 may be
};
/// "192.0.2.1:25" or "[2001:db8::1]:25"; nullopt: something else, a host name for one.
std::optional<AddressAndPort> parse_address_and_port(std::string_view text);
/// The same way back.
std::string with_port(const IpAddress& address, std::uint16_t port);

/// A network in CIDR notation. Host bits are zero.
class Cidr {
 public:
  /// `address[/prefix]`; a bare address is the network of itself alone. `::ffff:a.b.c.d/N` with
  /// N >= 96 becomes IPv4 /(N-96). Host bits are an error whose message proposes the network.
  static Result<Cidr> parse(std::string_view text);
  Cidr(const IpAddress& address, int prefix);  ///< clears the host bits

  const IpAddress& network() const { return network_; }
  int prefix() const { return prefix_; }
  /// It holds one address.
  bool is_host() const { return prefix_ == network_.bits(); }
  bool contains(const IpAddress& address) const;
  bool contains(const Cidr& network) const;
  std::string to_string() const;
  auto operator<=>(const Cidr&) const = default;

 private:
  IpAddress network_;
  int prefix_ = 0;
};

/// A set of networks with lookup in O(log n): contained networks are dropped and the rest, being
/// disjoint, are sorted. Families never match each other.
class CidrSet {
 public:
  CidrSet() = default;
  explicit CidrSet(std::vector<Cidr> networks);
  bool contains(const IpAddress& address) const;
  bool empty() const { return networks_.empty(); }
  const std::vector<Cidr>& networks() const { return networks_; }

 private:
  std::vector<Cidr> networks_;
};

}  // namespace postern
