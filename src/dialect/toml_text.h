// Text as TOML strings (TOML 1.0), readable for people.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect {

/// The lines as a TOML string, multi-line if there are several. nullopt: not UTF-8.
std::optional<std::string> toml_string(const std::vector<std::string>& lines);
/// One text in UTF-8; as a literal string if that is more readable.
std::string toml_quoted(std::string_view text);
/// The texts as a TOML array.
std::string toml_list(const std::vector<std::string>& texts);

}  // namespace postern::dialect
