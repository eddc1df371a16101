// Reading JSON that another program wrote, or another version of this one: what is absent or of
// another type is empty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace postern {

/// The member as text; else "".
inline std::string text_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// The member as a list of texts; other elements are left out.
inline std::vector<std::string> texts_of(const boost::json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  const boost::json::value* list = object.if_contains(name);
  if (!list || !list->is_array()) return texts;
  for (const boost::json::value& one : list->get_array()) {
    if (one.is_string()) texts.emplace_back(one.get_string());
  }
  return texts;
}

/// The member as a number that is not negative; else 0.
inline std::uint64_t number_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  boost::system::error_code bad;
  const auto number = value ? value->to_number<std::uint64_t>(bad) : 0;
  return bad ? 0 : number;
}

/// The objects of the member, which is a list; other elements are left out.
inline std::vector<const boost::json::object*> objects_of(const boost::json::object& object,
                                                          std::string_view name) {
  std::vector<const boost::json::object*> objects;
  const boost::json::value* list = object.if_contains(name);
  if (!list || !list->is_array()) return objects;
  for (const boost::json::value& one : list->get_array()) {
    if (const boost::json::object* each = one.if_object()) objects.push_back(each);
  }
  return objects;
}

}  // namespace postern
