#include "dialect/kumo/address_text.h"

#include <algorithm>

#include "base/text.h"

namespace postern::dialect::kumo {

std::optional<IpAddress> address_in(std::string_view text) {
  std::string_view plain = text;
  std::string_view port;
  if (plain.starts_with('[')) {
    const std::size_t end = plain.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    port = plain.substr(end + 1);
    plain = plain.substr(1, end - 1);
    if (istarts_with(plain, "IPv6:")) plain.remove_prefix(5);
  } else if (std::ranges::count(plain, ':') == 1) {
    port = plain.substr(plain.find(':'));
    plain = plain.substr(0, plain.find(':'));
  }
  const bool has_port = port.starts_with(':') && parse_number(port.substr(1)).has_value();
  if (!port.empty() && !has_port) return std::nullopt;
  return IpAddress::from_text(plain);
}

}  // namespace postern::dialect::kumo
