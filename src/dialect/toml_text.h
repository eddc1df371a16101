// Texts as TOML strings (TOML 1.0), for configurations that are written for people.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect {

/// A text as a TOML string. Nullopt when it is not UTF-8. Several lines become a multi-line string.
std::optional<std::string> toml_string(const std::vector<std::string>& lines);
/// One text, known to be UTF-8; literally where that reads better.
std::string toml_quoted(std::string_view text);
/// The same for each, in brackets.
std::string toml_list(const std::vector<std::string>& texts);

}  // namespace postern::dialect
