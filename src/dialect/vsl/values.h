// The representation of values in Lua. Numbers, booleans, strings and functions are Lua's own. `()`
// is one light userdata, never nil. Arrays are tables 1..n, maps are tables with string keys, and
// ranges are tables {from, count}, each with a metatable for its kind. Objects and statuses are
// host classes.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "dialect/vsl/object.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

/// The type of a value.
enum class Shape : std::uint8_t {
  none,  ///< nil, or no value of a script
  unit,
  boolean,
  integer,
  real,
  text,
  array,
  map,
  range,
  object,
  status,
  function,
  foreign  ///< a service, or another class of the library
};

/// The type of the value at a stack index.
Shape shape_at(lua_State* L, int index);
/// Pushes `()`.
void push_unit(lua_State* L);
/// Pushes an empty array. If it is made while the policy loads, it can be changed only until the
/// load ends.
void push_array(lua_State* L, int capacity);
/// Pushes an empty map, likewise.
void push_map(lua_State* L, int capacity);
/// Pushes the range of `count` integers starting at `from`.
void push_range(lua_State* L, std::int64_t from, std::int64_t count);
/// Marks the table on top of the stack as an array.
void mark_array(lua_State* L);
/// Marks it as a map.
void mark_map(lua_State* L);
/// Pushes the runtime's own "no value", which scripts never see.
void push_none(lua_State* L);
/// The result of a method that the value does not have: the runtime's "no value".
inline int not_here(lua_State* L) {
  push_none(L);
  return 1;
}
/// A range of integers.
struct Range {
  std::int64_t from;   ///< the first one
  std::int64_t count;  ///< how many
};
/// The range at a stack index, which must be one.
Range range_at(lua_State* L, int index);
/// Sets whether new values belong to the loaded policy.
void set_loading(lua_State* L, bool loading);
/// Whether they do.
bool is_loading(lua_State* L);
/// Whether the array or map at a stack index belongs to the loaded policy.
bool is_loaded(lua_State* L, int index);

/// The object at a stack index, which must be one. Valid while the value is on the stack.
const Object& object_at(lua_State* L, int index);
/// The status at a stack index, likewise.
const Status& status_at(lua_State* L, int index);
/// The domain or local part of an address; "" for the null reverse-path.
std::string_view part_of(const Object& address, bool domain);
/// The type for `type_of`: "string", "i64".
std::string_view type_name(lua_State* L, int index);
/// A string, or the text of an address, name or string object; nullopt for others. Valid while the
/// value is on the stack.
std::optional<std::string_view> textual(lua_State* L, int index);

/// Thrown when a value or the work exceeds its limit; a script's `catch` does not see it. See
/// bounded().
struct Exhausted {
  const char* sentence;  ///< static text
};
/// ScriptLimits::string is exceeded.
inline constexpr const char* string_too_long = "stopped: a string grows beyond its limit";
/// ScriptLimits::array is exceeded.
inline constexpr const char* array_too_long = "stopped: an array or a map grows beyond its limit";
/// script::Limits::instructions is exceeded.
inline constexpr const char* too_much_work = "stopped: it has used up its instructions";

/// Charges the work of one runtime function, in units of about one Lua instruction. Throws
/// Exhausted when the call's budget is used up.
class Work {
 public:
  explicit Work(lua_State* L);  ///< starts with the call's remaining budget
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  /// Charges steps. Throws Exhausted.
  void step(std::uint64_t steps = 1) {
    done_ += steps;
    if (done_ > allowed_) throw Exhausted{too_much_work};
  }
  /// Charges octets that are searched or copied.
  void octets(std::size_t count) { step(count / 64); }

 private:
  lua_State* lua_;
  std::uint64_t allowed_;
  std::uint64_t done_ = 0;
};

inline constexpr int exhausted_result = -7;      ///< returned by a body that has thrown Exhausted
[[noreturn]] void stop_exhausted(lua_State* L);  ///< stops the call with the kept sentence
/// Keeps the sentence for stop_exhausted().
void keep_exhausted(lua_State* L, const char* sentence);

/// Makes a Lua function of a C++ one. Exceptions become errors of the script; Exhausted stops the
/// call.
template <int (*body)(lua_State*)>
int bounded(lua_State* L) {
  const int results = script::stack::guarded(L, [](lua_State* inner) {
    try {
      return body(inner);
    } catch (const Exhausted& exhausted) {
      keep_exhausted(inner, exhausted.sentence);
      return exhausted_result;
    }
  });
  if (results == exhausted_result) stop_exhausted(L);
  return results;
}

/// The `==` of scripts for two stack indexes. Throws a sentence if they cannot be compared.
bool equal_at(lua_State* L, int left, int right, Work& work, int depth = 0);
/// The `in` of scripts, likewise.
bool is_in_at(lua_State* L, int value, int container, Work& work);
/// Whether the value at a stack index is an object that stands, in an array, for what is in it: a
/// network, or a list of objects.
bool holds_others(lua_State* L, int index);
/// Whether a value is the member of an array, or inside of it, likewise.
bool is_member_at(lua_State* L, int value, int member, Work& work);
/// The text in `to_string`.
std::string text_at(lua_State* L, int index, Work& work);

/// Raises an error of the script at the running line. It does not run destructors: no C++ values
/// may be on the stack frame.
int raise(lua_State* L, const char* format, ...);

}  // namespace postern::dialect::vsl
