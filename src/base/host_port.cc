#include "base/host_port.h"

#include <algorithm>

#include "base/text.h"

namespace postern {

std::optional<NameAndPort> parse_name_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view name = text.substr(0, colon);
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65'535 || name.size() > 253) return std::nullopt;
  const auto is_part = [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; };
  const auto is_letter = [](char c) { return is_alnum(c) && !is_digit(c); };
  if (name.empty() || name.front() == '-' || !std::all_of(name.begin(), name.end(), is_part) ||
      std::none_of(name.begin(), name.end(), is_letter)) {
    return std::nullopt;
  }
  return NameAndPort{name, static_cast<std::uint16_t>(*port)};
}

}  // namespace postern
