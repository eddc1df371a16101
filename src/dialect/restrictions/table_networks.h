// The rows of a cidr table as they are written, in their order. Look-ups use disjoint ranges that
// are made from them (address_ranges.h); this is for checks of these.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {

/// A network of a row, or of an `if` around it.
struct NetworkCondition {
  Cidr network;          ///< as written
  bool negated = false;  ///< the other addresses of its family
  bool mapped = false;   ///< written as ::ffff:a.b.c.d: no client is in it
};
/// A row.
struct NetworkRow {
  std::vector<NetworkCondition> conditions;  ///< all hold; the last one is its own
  std::string value;                         ///< the result
};

/// Tables with more rows do not keep them.
inline constexpr std::size_t most_network_rows = 1000;
/// The rows in the order of the source; nullopt: it is no cidr table, or has more rows.
std::optional<std::vector<NetworkRow>> network_rows(const Table& table);

}  // namespace postern::dialect::restrictions
