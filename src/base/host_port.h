// "name:port" of a server that is named in a setting.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern {

/// A host by name. `name` is a view into the parsed text.
struct NameAndPort {
  std::string_view name;   ///< letters, digits, `.`, `-` and `_`; at least one letter
  std::uint16_t port = 0;  ///< in host order; never 0
};
/// "db1.example.org:5432"; nullopt: anything else, an address too (parse_address_and_port()).
std::optional<NameAndPort> parse_name_and_port(std::string_view text);

}  // namespace postern
