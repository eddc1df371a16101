#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace postern::dialect::kumo {

namespace json = boost::json;

/// Whether JSON is one line, or indented by two blanks per level.
enum class Layout { compact, pretty };

/// JSON for scripts. Keys are sorted, so that equal tables give equal texts. Numbers with a
/// fraction are as short as possible and never have the form `1E0`. NaN and infinities become null.
std::string json_text(const json::value& value, Layout layout = Layout::compact);

/// Text for a log or a digest: a string as it is, any other value as JSON.
std::string plain_text(const json::value& value);

}  // namespace postern::dialect::kumo
