// Request bodies for tests, and the error that a reader reports for a field.
#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "dialect/webhook/field_errors.h"

namespace postern::dialect::webhook {

inline boost::json::object object(std::string_view text) {
  return boost::json::parse({text.data(), text.size()}).as_object();
}

/// The sentence for `field`; "" if there is none.
template <class Write>
std::string sentence(const Parsed<Write>& write, std::string_view field) {
  if (write) return "";
  for (const auto& [name, text] : write.error().fields) {
    if (name == field) return text;
  }
  return "";
}

}  // namespace postern::dialect::webhook
