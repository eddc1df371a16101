#include "dialect/kumo/recorded_values.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/text.h"
#include "script/withheld.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;

/// Applies `name` to each name and `leaf` to each value that is neither a list nor a table.
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

bool is_in_utf8(const json::object& values);

bool is_in_utf8(const json::value& value) {
  if (const json::object* table = value.if_object()) return is_in_utf8(*table);
  if (const json::array* list = value.if_array()) {
    return std::ranges::all_of(*list, [](const json::value& one) { return is_in_utf8(one); });
  }
  return !value.is_string() || is_utf8(std::string_view(value.get_string()));
}

bool is_in_utf8(const json::object& values) {
  return std::ranges::all_of(values, [](const auto& member) {
    return is_utf8(std::string_view(member.key())) && is_in_utf8(member.value());
  });
}

}  // namespace

json::value storable(json::value value) {
  if (const double* number = value.if_double(); number != nullptr && !std::isfinite(*number)) {
    return nullptr;
  }
  if (json::array* list = value.if_array()) {
    for (json::value& one : *list) one = storable(std::move(one));
  }
  if (json::object* table = value.if_object()) {
    for (auto& member : *table) member.value() = storable(std::move(member.value()));
  }
  return value;
}

json::object without_secrets(json::object values, const SecretValues& secrets) {
  if (secrets.empty()) return values;
  json::object out;
  for (const auto& [name, value] : values) {
    const auto found = secrets.find(std::string_view(name));
    if (found == secrets.end()) {
      out.insert_or_assign(name, value);
      continue;
    }
    const std::vector<std::string_view> held(found->second.begin(), found->second.end());
    const auto text = [&](std::string_view given) {
      return script::redacted(std::string(given), held);
    };
    const auto leaf = [&](const json::value& one) {
      if (one.is_string()) return json::value(text(one.get_string()));
      // A number may be a password, too.
      const std::string shown = json::serialize(one);
      const bool secret = std::ranges::any_of(
          held, [&](std::string_view each_one) { return script::holds_secret(shown, each_one); });
      return secret ? json::value(script::redaction) : one;
    };
    out.insert_or_assign(text(name), each(value, text, leaf));
  }
  return out;
}

json::object in_utf8(json::object values) {
  if (is_in_utf8(values)) return values;
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
