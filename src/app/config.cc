#include "app/config.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::app {

Result<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
  const auto refuse = [&](std::string_view why) {
    return fail(Fault::malformed, fmt::format("`{}` {}", printable(text, 64), why));
  };
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return refuse("lacks a `]`");
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return refuse("has text between `]` and `:`");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (const std::size_t colon = text.find(':'); colon == text.rfind(':')) {
    host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  } else if (default_port == 0 || !IpAddress::parse(text)) {
    return refuse("is not an address and port; write IPv6 as `[2001:db8::1]:25`");
  }
  if (!has_port && default_port == 0)
    return refuse("has no port; write for example `127.0.0.1:2525`");
  const Result<IpAddress> address = IpAddress::parse(host);
  if (!address) return refuse("is not an IP address and port, for example `127.0.0.1:2525`");
  if (!has_port) return Endpoint{*address, default_port};
  const auto number = parse_number(port);
  if (!number || *number > 65535) return refuse("has no port between 0 and 65535");
  return Endpoint{*address, static_cast<std::uint16_t>(*number)};
}

std::string Endpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                         : fmt::format("[{}]:{}", address.to_string(), port);
}

CidrSet LimitsConfig::loopback() {
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  return CidrSet({Cidr(IpAddress::v4(0x7f000000), 8), Cidr(IpAddress::v6(one), 128)});
}

std::string ApiConfig::base_url() const {
  return public_url.empty() ? "http://" + address.to_string() : public_url;
}

}  // namespace postern::app
