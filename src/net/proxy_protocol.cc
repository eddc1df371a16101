#include "net/proxy_protocol.h"

#include <algorithm>

#include "base/text.h"

namespace postern::net {
namespace {

using Parsed = Result<std::optional<ProxyHeader>>;

constexpr std::string_view v2_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t max_v1 = 107;

std::uint16_t read_u16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

tl::unexpected<Error> bad_header(std::string_view why) {
  return fail(Fault::malformed, "PROXY header: " + std::string(why));
}

/// "PROXY TCP4 source destination sport dport\r\n"
Parsed parse_v1(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, max_v1).find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= max_v1) return bad_header("no end of line within 107 octets");
    return std::nullopt;
  }
  ProxyHeader header{.kind = ProxyHeader::Kind::proxied, .length = end + 2};
  const auto words = split(bytes.substr(0, end), ' ');
  if (words.size() >= 2 && words[1] == "UNKNOWN") {
    header.kind = ProxyHeader::Kind::unknown;
    return header;
  }
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6"))
    return bad_header("bad fields");
  const auto source = IpAddress::parse(words[2]);
  const auto destination = IpAddress::parse(words[3]);
  const auto source_port = parse_port(words[4]);
  const auto destination_port = parse_port(words[5]);
  if (!source || !destination || !source_port || !destination_port) {
    return bad_header("bad address or port");
  }
  // An IPv4-mapped address under TCP6 is treated as IPv4.
  const bool six = words[2].find(':') != std::string_view::npos;
  if (six != (words[1] == "TCP6")) return bad_header("address family does not match");
  header.source = *source;
  header.source_port = *source_port;
  header.destination = *destination;
  header.destination_port = *destination_port;
  return header;
}

Parsed parse_v2(std::string_view bytes) {
  if (bytes.size() < 16) return std::nullopt;
  const auto version_command = static_cast<unsigned char>(bytes[12]);
  const auto family = static_cast<unsigned char>(bytes[13]);
  const std::size_t length = 16u + read_u16(bytes, 14);
  if (version_command >> 4 != 2) return bad_header("unknown version");
  if (length > max_proxy_header) return bad_header("longer than 536 octets");
  if (bytes.size() < length) return std::nullopt;
  ProxyHeader header{.length = length};
  if ((version_command & 15) == 0) {
    header.kind = ProxyHeader::Kind::local;
    return header;
  }
  if ((version_command & 15) != 1) return bad_header("unknown command");
  if (family == 0x11 && length >= 16 + 12) {  // TCP over IPv4
    header.kind = ProxyHeader::Kind::proxied;
    header.source =
        IpAddress::v4(static_cast<std::uint32_t>(read_u16(bytes, 16)) << 16 | read_u16(bytes, 18));
    header.destination =
        IpAddress::v4(static_cast<std::uint32_t>(read_u16(bytes, 20)) << 16 | read_u16(bytes, 22));
    header.source_port = read_u16(bytes, 24);
    header.destination_port = read_u16(bytes, 26);
  } else if (family == 0x21 && length >= 16 + 36) {  // TCP over IPv6
    std::array<std::uint8_t, 16> octets;
    std::copy_n(bytes.begin() + 16, 16, octets.begin());
    header.kind = ProxyHeader::Kind::proxied;
    header.source = IpAddress::v6(octets);
    std::copy_n(bytes.begin() + 32, 16, octets.begin());
    header.destination = IpAddress::v6(octets);
    header.source_port = read_u16(bytes, 48);
    header.destination_port = read_u16(bytes, 50);
  } else if (family == 0x11 || family == 0x21) {
    return bad_header("address block too short");
  }
  return header;
}

}  // namespace

Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view bytes) {
  constexpr std::string_view v1_start = "PROXY ";
  const auto starts_like = [bytes](std::string_view prefix) {
    const std::size_t shared = std::min(bytes.size(), prefix.size());
    return bytes.substr(0, shared) == prefix.substr(0, shared);
  };
  if (starts_like(v2_signature)) {
    if (bytes.size() < v2_signature.size()) return std::nullopt;
    return parse_v2(bytes);
  }
  if (!starts_like(v1_start)) return bad_header("the connection does not start with one");
  return parse_v1(bytes);
}

}  // namespace postern::net
