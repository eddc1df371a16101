// PROXY protocol, versions 1 and 2, as the receiving side. Pure: octets in, header out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/ip.h"

namespace postern::net {

struct ProxyHeader {
  enum class Kind {
    proxied,  ///< the source address is the client
    local,    ///< v2 LOCAL: the sender speaks for itself (health check); keep the socket's address
    unknown,  ///< the sender does not know the client
  };
  Kind kind = Kind::unknown;
  IpAddress source;
  std::uint16_t source_port = 0;
  IpAddress destination;  ///< where the client connected to
  std::uint16_t destination_port = 0;
  std::size_t length = 0;  ///< octets of the header
};

/// Longest header accepted: 107 octets for version 1, 536 for version 2 (its fixed part, addresses
/// and TLVs we do not read).
inline constexpr std::size_t max_proxy_header = 536;

/// nullopt: not complete yet. Fault::malformed: this is no PROXY header, or too long a one.
Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view bytes);

}  // namespace postern::net
