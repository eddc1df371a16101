// The pattern of an expected text, of the class that RE2 has.
#pragma once

#include <string>
#include <string_view>

namespace postern::ptest {

/// Why a text is no pattern; empty: it is one.
std::string trouble_of_pattern(const std::string& pattern);
/// Whether the valid pattern is found in the text. Time and memory are linear.
bool finds(const std::string& pattern, std::string_view text);
/// A pattern that finds exactly this text.
std::string pattern_of(std::string_view text);

}  // namespace postern::ptest
