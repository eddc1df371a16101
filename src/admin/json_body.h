// Strict JSON for request bodies, so that no two parsers can read the same body differently.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/error.h"

namespace postern::admin {

/// Depth of nested objects and arrays.
inline constexpr std::size_t max_json_depth = 64;
/// Members of one object; no request needs as many.
inline constexpr std::size_t max_json_members = 4096;
/// Members of all objects of a body: the library's hash table is slow for keys chosen to collide.
inline constexpr std::size_t max_json_members_in_all = 16'384;

/// Parses one JSON object. Fault::malformed with a message for the client: no JSON, invalid UTF-8,
/// too deep, too many members, a duplicate key, a number that is not a finite double, text after
/// the object, or another type.
Result<boost::json::object> parse_json_object(std::string_view text);

}  // namespace postern::admin
