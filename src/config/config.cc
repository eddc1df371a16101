#include "config/config.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::app {

Result<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
  const auto refuse = [&](std::string_view why) {
    return fail(Fault::malformed, fmt::format("`{}` {}", printable(text, 64), why));
  };
  const Result<HostAndPortView> split = split_port(text);
  if (!split) return refuse(split.error().message);
  const Result<IpAddress> address = IpAddress::parse(split->host);
  const bool colons = !split->bracketed && split->host.find(':') != std::string_view::npos;
  if (colons && (default_port == 0 || !address)) {
    return refuse("is not an address and port; write IPv6 as `[2001:db8::1]:25`");
  }
  if (!split->port && default_port == 0)
    return refuse("has no port; write for example `127.0.0.1:2525`");
  if (!address) return refuse("is not an IP address and port, for example `127.0.0.1:2525`");
  if (!split->port) return Endpoint{*address, default_port};
  const auto port = parse_port(*split->port);
  if (!port) return refuse("has no port between 0 and 65535");
  return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
  if (!passed.empty() && port == 0) return "systemd:" + passed;
  return with_port(address, port);
}

CidrSet loopback_networks() {
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  return CidrSet({Cidr(IpAddress::v4(0x7f000000), 8), Cidr(IpAddress::v6(one), 128)});
}

std::string ApiConfig::base_url() const {
  return public_url.empty() ? "http://" + address.to_string() : public_url;
}

}  // namespace postern::app
