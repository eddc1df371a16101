// What manual pages of host functions are made of: rows of the tables that register them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::dialect {

/// "name: string, count?: integer" as name and type.
std::vector<std::pair<std::string_view, std::string_view>> parameters_of(std::string_view text);
/// Text in lines of at most 100 columns, each behind `prefix`; of the first `first` columns are
/// taken already.
std::string in_lines(std::string_view text, std::string_view prefix, std::size_t first = 0);

/// "name(parameters) → result"
std::string signature(std::string_view name, std::string_view parameters, std::string_view result);
/// "* `code`: help", folded.
std::string item(std::string_view code, std::string_view help);

}  // namespace postern::dialect
