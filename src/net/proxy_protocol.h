// Parser for the PROXY protocol, versions 1 and 2, receiving side.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/ip.h"

namespace postern::net {

/// A parsed header.
struct ProxyHeader {
  /// What the header says about the client.
  enum class Kind {
    proxied,  ///< the source address is the client's
    local,  ///< v2 LOCAL: a connection of the proxy itself (health check); use the socket's address
    unknown,  ///< the proxy does not know the client
  };
  /// Only `proxied` has addresses.
  Kind kind = Kind::unknown;
  /// The client's address and port.
  IpAddress source;
  std::uint16_t source_port = 0;       ///< of `source`
  IpAddress destination;               ///< the address that the client connected to
  std::uint16_t destination_port = 0;  ///< of `destination`
  std::size_t length = 0;              ///< octets of the header
};

/// The longest header accepted, in octets: 107 for version 1, 536 for version 2 (fixed part,
/// addresses, and TLVs, which are ignored).
inline constexpr std::size_t max_proxy_header = 536;

/// Parses the header at the start of `bytes`. nullopt: incomplete. Fault::malformed: not a PROXY
/// header, or too long.
Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view bytes);

}  // namespace postern::net
