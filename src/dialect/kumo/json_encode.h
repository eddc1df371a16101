#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace postern::dialect::kumo {

namespace json = boost::json;

enum class Layout { compact, pretty };

/// JSON as scripts see it: keys sorted, so that equal tables have equal texts; fractions as short
/// as they can be read back; no number is `1E0`. What is no number (NaN, infinity) is null. Pretty
/// has two blanks a level.
std::string json_text(const json::value& value, Layout layout = Layout::compact);

/// As a log or a digest has it: strings as they are, everything else as JSON.
std::string plain_text(const json::value& value);

}  // namespace postern::dialect::kumo
