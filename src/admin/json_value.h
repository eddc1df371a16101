// Optional values as JSON.
#pragma once

#include <optional>
#include <string_view>

#include <boost/json.hpp>

namespace postern::admin {

/// Null for nullopt.
template <class T>
boost::json::value or_null(const std::optional<T>& value) {
  return value ? boost::json::value_from(*value) : boost::json::value(nullptr);
}

/// Null for an empty text.
inline boost::json::value text_or_null(std::string_view text) {
  return text.empty() ? boost::json::value(nullptr) : boost::json::value(text);
}

}  // namespace postern::admin
