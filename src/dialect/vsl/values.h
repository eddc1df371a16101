// Values of scripts as Lua has them. Numbers, booleans, texts and functions are Lua's own; `()` is
// one light userdata and never nil; arrays are tables 1..n, maps tables with keys of text, ranges
// tables {from, count}, each with a metatable of its kind; objects and statuses are host classes.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "dialect/vsl/object.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

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

Shape shape_at(lua_State* L, int index);
void push_unit(lua_State* L);
/// An empty one. Made while a policy loads it can be changed only until it has loaded.
void push_array(lua_State* L, int capacity);
void push_map(lua_State* L, int capacity);
void push_range(lua_State* L, std::int64_t from, std::int64_t count);
/// The table on top of the stack becomes an array or a map.
void mark_array(lua_State* L);
void mark_map(lua_State* L);
/// What the runtime's functions answer when they are nothing for a value. No script sees it.
void push_none(lua_State* L);
struct Range {
  std::int64_t from;
  std::int64_t count;
};
Range range_at(lua_State* L, int index);
/// Whether values that are made now belong to the loaded policy.
void set_loading(lua_State* L, bool loading);
bool is_loading(lua_State* L);
/// Of an array or a map: whether it belongs to the policy.
bool is_loaded(lua_State* L, int index);

const Object& object_at(lua_State* L, int index);
const Status& status_at(lua_State* L, int index);
/// The domain or the local part of an address; "" of the null sender.
std::string_view part_of(const Object& address, bool domain);
/// "string", "i64", as `type_of` says it.
std::string_view type_name(lua_State* L, int index);
/// A text, or an object that stands for one; nullopt for others.
std::optional<std::string_view> textual(lua_State* L, int index);

/// Beyond what values may grow to; no `catch` of a script's sees it. See bounded().
struct Exhausted {
  const char* sentence;
};
inline constexpr const char* string_too_long = "stopped: a string grows beyond its limit";
inline constexpr const char* array_too_long = "stopped: an array or a map grows beyond its limit";
inline constexpr const char* too_much_work = "stopped: it has used up its instructions";

/// Work of one function of the runtime, in steps of about an instruction; ends in Exhausted when
/// the call's budget does.
class Work {
 public:
  explicit Work(lua_State* L);
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  void step(std::uint64_t steps = 1) {
    done_ += steps;
    if (done_ > allowed_) throw Exhausted{too_much_work};
  }
  /// Of octets that are looked through or copied.
  void octets(std::size_t count) { step(count / 64); }

 private:
  lua_State* lua_;
  std::uint64_t allowed_;
  std::uint64_t done_ = 0;
};

inline constexpr int exhausted_result = -7;
[[noreturn]] void stop_exhausted(lua_State* L);
void keep_exhausted(lua_State* L, const char* sentence);

/// A function of the runtime in C++: what it throws is an error of the script, or stops it.
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

/// `==`, `in`; throw what cannot be compared.
bool equal_at(lua_State* L, int left, int right, Work& work, int depth = 0);
bool is_in_at(lua_State* L, int value, int container, Work& work);
/// As `to_string` has it.
std::string text_at(lua_State* L, int index, Work& work);

/// An error of the script at the line that runs; for functions without C++ values to destroy.
int raise(lua_State* L, const char* format, ...);

}  // namespace postern::dialect::vsl
