#include "dialect/kumo/recorded_values.h"

#include <cmath>
#include <string>

#include "base/rfc4648.h"
#include "base/text.h"
#include "script/withheld.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;

constexpr std::string_view instead = "<redacted>";

/// Each name and each value that is no list and no table through functions.
template <class Name, class Leaf>
json::value each(const json::value& value, const Name& name, const Leaf& leaf) {
  if (const json::array* list = value.if_array()) {
    json::array out;
    for (const json::value& one : *list) out.push_back(each(one, name, leaf));
    return out;
  }
  if (const json::object* table = value.if_object()) {
    json::object out;
    for (const auto& [key, one] : *table) {
      out.insert_or_assign(name(std::string_view(key)), each(one, name, leaf));
    }
    return out;
  }
  return leaf(value);
}

std::string redacted(std::string_view text, const std::vector<std::string_view>& secrets) {
  std::string out(text);
  const auto ranges = script::ranges_of(secrets, text);
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    out.replace(range->begin, range->end - range->begin, instead);
  }
  return out;
}

}  // namespace

json::value storable(json::value value) {
  return each(
      value, [](std::string_view name) { return std::string(name); },
      [](const json::value& leaf) -> json::value {
        const double* number = leaf.if_double();
        if (number != nullptr && !std::isfinite(*number)) return nullptr;
        return leaf;
      });
}

json::object without_secrets(const json::object& values, const SecretValues& secrets) {
  json::object out;
  for (const auto& [name, value] : values) {
    const auto found = secrets.find(std::string_view(name));
    if (found == secrets.end()) {
      out.insert_or_assign(name, value);
      continue;
    }
    const std::vector<std::string_view> held(found->second.begin(), found->second.end());
    const auto text = [&](std::string_view given) { return redacted(given, held); };
    out.insert_or_assign(text(name), each(value, text, [&](const json::value& leaf) -> json::value {
                           if (leaf.is_string()) return json::value(text(leaf.get_string()));
                           // Digits may be a password, too.
                           return script::ranges_of(held, json::serialize(leaf)).empty()
                                      ? leaf
                                      : json::value(instead);
                         }));
  }
  return out;
}

json::object in_utf8(const json::object& values) {
  return each(
             values,
             [](std::string_view name) {
               return is_utf8(name) ? std::string(name) : printable(name);
             },
             [](const json::value& leaf) -> json::value {
               if (!leaf.is_string() || is_utf8(std::string_view(leaf.get_string()))) return leaf;
               return json::object{{"base64", base64_encode(std::string_view(leaf.get_string()))}};
             })
      .as_object();
}

}  // namespace postern::dialect::kumo
