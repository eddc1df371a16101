// Formats manual pages of host functions from the tables that register them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::dialect {

/// Splits "name: string, count?: integer" into names and types.
std::vector<std::pair<std::string_view, std::string_view>> parameters_of(std::string_view text);
/// Wraps text at 100 columns, with `prefix` before each line. `first`: columns of the first line
/// that are in use.
std::string in_lines(std::string_view text, std::string_view prefix, std::size_t first = 0);

/// "name(parameters) → result"
std::string signature(std::string_view name, std::string_view parameters, std::string_view result);
/// "* `code`: help", wrapped.
std::string item(std::string_view code, std::string_view help);

}  // namespace postern::dialect
