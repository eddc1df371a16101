// A value of a script as C++ sees it, for host functions whose parameters or results are not of one
// type. Arrays and maps are copied: a script never sees C++ change what it holds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dialect/vsl/object.h"
#include "script/bind.h"

namespace postern::script {
template <>
struct ClassName<dialect::vsl::Object> {
  static constexpr std::string_view value = "object";
};
template <>
struct ClassName<dialect::vsl::Status> {
  static constexpr std::string_view value = "status";
};
}  // namespace postern::script

namespace postern::dialect::vsl {

namespace json = boost::json;

struct Unit {
  bool operator==(const Unit&) const = default;
};

struct Value {
  using Array = std::vector<Value>;
  using Map = std::map<std::string, Value, std::less<>>;
  std::variant<Unit, bool, std::int64_t, double, std::string, ObjectPtr, StatusPtr, Array, Map> is;

  Value() = default;
  template <class T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, Value>)
  Value(T value) : is(std::move(value)) {}
  Value(const char* text) : is(std::string(text)) {}
};

/// Functions and nesting beyond 32 are errors (std::runtime_error).
Value value_at(lua_State* L, int index);
void push(lua_State* L, const Value& value);

/// As `to_string` and `${}` show it: "" for a unit.
std::string text_of(const Value& value);
/// As `to_debug` shows it: text in quotes, `()` for a unit.
std::string debug_of(const Value& value);
/// "string", "i64", "bool", "f64", "array", "map", "()", "ip4", "status": `type_of`.
std::string_view type_of(const Value& value);

/// Plain data as a value; what a JSON object means is the caller's to say.
Value value_from(const json::value& value, Value (*of_object)(const json::object& object));

/// A parameter that takes a string or an object, whose text it is.
struct Text {
  std::string value;
};

}  // namespace postern::dialect::vsl

namespace postern::script {
template <>
struct FromScript<dialect::vsl::Value> {
  static dialect::vsl::Value take(lua_State* L, int index) {
    return dialect::vsl::value_at(L, index);
  }
};
template <>
struct FromScript<dialect::vsl::Text> {
  static dialect::vsl::Text take(lua_State* L, int index);
};
template <>
struct ToScript<dialect::vsl::Value> {
  static void push(lua_State* L, const dialect::vsl::Value& value) { dialect::vsl::push(L, value); }
};
/// What a service answered, kept for a record.
template <>
struct Kept<dialect::vsl::Value> {
  static json::value data(const dialect::vsl::Value& value);
  static dialect::vsl::Value again(const json::value& value);
};
}  // namespace postern::script
