// JSON as the API takes it: strict, so that two readers of one body can never understand two
// things.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/error.h"

namespace postern::admin {

/// Objects and arrays may nest this deep.
inline constexpr std::size_t max_json_depth = 64;
/// In one object; no request needs as many.
inline constexpr std::size_t max_json_members = 4096;
/// In all objects of a body together: whoever knows the library's hash makes its worst case.
inline constexpr std::size_t max_json_members_in_all = 16'384;

/// Reads one JSON object. Fault::malformed with a sentence for the client: no JSON, bad UTF-8, too
/// deep, too many members, a key twice in one object, a number that is no finite double, octets
/// behind the object, or something other than an object.
Result<boost::json::object> parse_json_object(std::string_view text);

}  // namespace postern::admin
