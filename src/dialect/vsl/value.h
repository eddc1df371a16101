// Values of scripts in C++, for host functions with parameters or results of several types. Arrays
// and maps are copied, so that C++ never changes what a script holds.
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
/// Registers `object` as a class of scripts.
template <>
struct ClassName<dialect::vsl::Object> {
  static constexpr std::string_view value = "object";  ///< its name there
};
/// Registers `status` as a class of scripts.
template <>
struct ClassName<dialect::vsl::Status> {
  static constexpr std::string_view value = "status";  ///< its name there
};
}  // namespace postern::script

namespace postern::dialect::vsl {

namespace json = boost::json;

/// The value `()`.
struct Unit {
  bool operator==(const Unit&) const = default;
};

/// Any value except a function or a service.
struct Value {
  using Array = std::vector<Value>;                       ///< in order
  using Map = std::map<std::string, Value, std::less<>>;  ///< by key
  /// The value.
  std::variant<Unit, bool, std::int64_t, double, std::string, ObjectPtr, StatusPtr, Array, Map> is;

  Value() = default;  ///< `()`
  /// From any of the alternatives.
  template <class T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, Value>)
  Value(T value) : is(std::move(value)) {}
  Value(const char* text) : is(std::string(text)) {}  ///< a copy of the text
};

/// Reads the value at a stack index. Throws std::runtime_error for functions, services, nesting
/// beyond 32, and too many or too large values.
Value value_at(lua_State* L, int index);
/// Pushes a value.
void push(lua_State* L, const Value& value);

/// The text in `to_string` and `${}`; "" for a unit.
std::string text_of(const Value& value);
/// The text in `to_debug`: strings in quotes, `()` for a unit.
std::string debug_of(const Value& value);
/// The type for `type_of`: "string", "i64", "bool", "f64", "array", "map", "()", "ip4", "status".
std::string_view type_of(const Value& value);

/// Converts JSON; `of_object` converts JSON objects.
Value value_from_json(const json::value& value, Value (*of_object)(const json::object& object));

/// A parameter that takes a string, or an object, of which it takes the text.
struct Text {
  std::string value;  ///< UTF-8 is not checked
};

}  // namespace postern::dialect::vsl

namespace postern::script {
/// Reads a parameter of any type.
template <>
struct FromScript<dialect::vsl::Value> {
  /// The argument at `index`.
  static dialect::vsl::Value take(lua_State* L, int index) {
    return dialect::vsl::value_at(L, index);
  }
};
/// Reads a Text.
template <>
struct FromScript<dialect::vsl::Text> {
  static dialect::vsl::Text take(lua_State* L, int index);  ///< throws a sentence for other types
};
/// Passes a Value to scripts.
template <>
struct ToScript<dialect::vsl::Value> {
  /// See dialect::vsl::push().
  static void push(lua_State* L, const dialect::vsl::Value& value) { dialect::vsl::push(L, value); }
};
/// How a record stores the answer of a service.
template <>
struct Kept<dialect::vsl::Value> {
  static json::value data(const dialect::vsl::Value& value);  ///< as JSON
  /// The value of data(). Throws std::exception for other data.
  static dialect::vsl::Value again(const json::value& value);
};
}  // namespace postern::script
