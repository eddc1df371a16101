// The keys under which an access table has a name.
#pragma once

#include <string_view>

#include "base/ip.h"
#include "dialect/restrictions/matches.h"
#include "dialect/restrictions/rules.h"

namespace postern::dialect::restrictions {

/// Calls `attempt` with a name, which is in lower case, then with its parent domains as the table
/// writes them, until one returns something, and returns that. Tables of patterns and of networks
/// are asked once, as others are about a literal or an address in place of a name.
template <class Attempt>
auto try_keys_of_name(const ListPolicy& policy, const Table& table, std::string_view name,
                      const Attempt& attempt) -> decltype(attempt(name)) {
  const bool is_network = table.is_network();
  if (is_network && !looks_like_address(name)) return {};
  if (auto found = attempt(name)) return found;
  if (is_network || table.is_pattern() || name.starts_with('[')) return {};
  if (looks_like_address(name) && IpAddress::from_text(name)) return {};
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos && dot + 1 < name.size();
       dot = name.find('.', dot + 1)) {
    if (auto found = attempt(name.substr(policy.access_parents_by_name ? dot + 1 : dot))) {
      return found;
    }
  }
  return {};
}

}  // namespace postern::dialect::restrictions
