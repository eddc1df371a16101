#include "dialect/kumo/address_text.h"

#include "base/text.h"

namespace postern::dialect::kumo {

std::optional<IpAddress> address_in(std::string_view text) {
  const auto split = split_port(text);
  if (!split || (split->port && !parse_number(*split->port))) return std::nullopt;
  std::string_view host = split->host;
  if (split->bracketed && istarts_with(host, "IPv6:")) host.remove_prefix(5);
  return IpAddress::from_text(host);
}

}  // namespace postern::dialect::kumo
