#include <charconv>
#include <cmath>
#include <cstring>

#include <boost/json.hpp>

#include "script/runtime.h"

namespace postern::script::stack {

namespace {

constexpr int deepest = 32;
constexpr std::size_t most_elements = 100'000;
constexpr std::string_view thrown_class = "Error";
constexpr int raise = -2;
constexpr int stop = -3;
/// Octets that a value costs in data_at(), besides its text.
constexpr std::size_t octets_of_value = 32;
/// Values that a host function may push without make_room().
constexpr int usual_room = 40;

/// The name by which the script called the running host function.
std::string name_of_function(lua_State* L) {
  lua_Debug frame{};
  if (lua_getstack(L, 0, &frame) == 0) return {};
  lua_getinfo(L, "n", &frame);
  return frame.name != nullptr ? frame.name : "";
}

/// The results on top of the stack, for the record.
json::array results_of(lua_State* L, int count, Keys keys = Keys::plain) {
  json::array results;
  for (int i = lua_gettop(L) - count + 1; i <= lua_gettop(L); ++i) {
    results.push_back(data_at(L, i, keys));
  }
  return results;
}

int resumed(lua_State* L, int, lua_KContext) {
  Runtime::look_at_clock(L);
  return guarded(L, [](lua_State* inner) {
    const auto finished = Runtime::take_finished(State::of(inner));
    Call& call = current(inner);
    try {
      const auto kept = call.records() ? finished->kept() : std::nullopt;
      const int count = finished->finish(inner);
      if (call.records() && finished->is_data()) {
        call.tell(name_of_function(inner), kept ? json::array{*kept} : results_of(inner, count));
      }
      return count;
    } catch (const Throw& thrown) {
      if (call.records() && finished->is_data()) {
        call.tell_failure(name_of_function(inner), thrown.value->text(), thrown.value.get());
      }
      throw;
    } catch (const std::exception& error) {
      if (call.records() && finished->is_data()) {
        call.tell_failure(name_of_function(inner), error.what());
      }
      throw;
    }
  });
}

/// The length n of a table whose keys are 1..n; -1 if it has other keys.
std::int64_t length_of_array(lua_State* L, int index) {
  std::int64_t count = 0;
  std::int64_t largest = 0;
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1) {
      lua_pop(L, 1);
      return -1;
    }
    largest = std::max<std::int64_t>(largest, lua_tointeger(L, -1));
    ++count;
  }
  // An array may have holes, but not more holes than elements.
  return largest <= 2 * count ? largest : -1;
}

class DataReader {
 public:
  DataReader(lua_State* L, Keys keys) : lua_(L), typed_(keys == Keys::typed) {}

  json::value read(int index, int depth = 0) {
    if (++elements_ > most_elements) throw std::runtime_error("too many values in one table");
    State::of(lua_).borrow(octets_of_value);
    switch (lua_type(lua_, index)) {
      case LUA_TNIL:
      case LUA_TNONE:
        return nullptr;
      case LUA_TBOOLEAN:
        return lua_toboolean(lua_, index) != 0;
      case LUA_TNUMBER:
        if (lua_isinteger(lua_, index)) return std::int64_t{lua_tointeger(lua_, index)};
        return lua_tonumber(lua_, index);
      case LUA_TSTRING:
        return json::value(borrowed_text_at(lua_, index));
      case LUA_TTABLE:
        if (depth >= deepest) throw std::runtime_error("tables nested too deeply");
        return table(index, depth);
      default:
        throw std::runtime_error(std::string("a ") + luaL_typename(lua_, index) +
                                 " value cannot be kept or handed on as data");
    }
  }

 private:
  json::value table(int index, int depth) {
    make_room(lua_, 4);
    const std::int64_t length = length_of_array(lua_, index);
    if (length > 0) {
      json::array array;
      for (std::int64_t i = 1; i <= length; ++i) {
        lua_rawgeti(lua_, index, i);
        array.push_back(read(lua_gettop(lua_), depth + 1));
        lua_pop(lua_, 1);
      }
      return array;
    }
    json::object object;
    lua_pushnil(lua_);
    while (lua_next(lua_, index) != 0) {
      object.insert_or_assign(key(), read(lua_gettop(lua_), depth + 1));
      lua_pop(lua_, 1);
    }
    return object;
  }

  /// The key of the pair on top of the stack. A number is not converted in place, as that would
  /// confuse lua_next().
  std::string key() {
    if (lua_type(lua_, -2) == LUA_TSTRING) {
      const std::string_view text = borrowed_text_at(lua_, lua_gettop(lua_) - 1);
      return (typed_ && text.starts_with('#') ? "#" : "") + std::string(text);
    }
    if (lua_isinteger(lua_, -2)) {
      return (typed_ ? "#" : "") + std::to_string(lua_tointeger(lua_, -2));
    }
    throw std::runtime_error(std::string("a ") + luaL_typename(lua_, -2) +
                             " value cannot be a key of data");
  }

  lua_State* lua_;
  bool typed_;
  std::size_t elements_ = 0;
};

int destroy(lua_State* L) {
  static_cast<std::shared_ptr<void>*>(lua_touserdata(L, 1))->~shared_ptr();
  return 0;
}

}  // namespace

void push_error(lua_State* L, std::string_view text) {
  luaL_where(L, beyond_modules(L, 1));
  push(L, text);
  lua_concat(L, 2);
}

void charge(lua_State* L, std::uint64_t steps) { Runtime::count(State::of(L), steps); }

Call& current(lua_State* L) {
  Call* call = State::of(L).running();
  if (call == nullptr) throw std::runtime_error("not available here");
  return *call;
}

void wrong_argument(int index, std::string_view wanted, lua_State* L) {
  const char* found = lua_isnone(L, index) ? "no value" : luaL_typename(L, index);
  // For a host value, its class.
  if (lua_isuserdata(L, index) != 0 && luaL_getmetafield(L, index, "__name") == LUA_TSTRING) {
    found = lua_tostring(L, -1);
  }
  throw std::runtime_error("argument " + std::to_string(index) + ": " + std::string(wanted) +
                           " expected, got " + found);
}

std::string_view text_at(lua_State* L, int index) {
  if (!lua_isstring(L, index)) wrong_argument(index, "string", L);
  std::size_t size = 0;
  const char* text = lua_tolstring(L, index, &size);
  Runtime::charge(State::of(L), size);
  return {text, size};
}

std::string_view borrowed_text_at(lua_State* L, int index) {
  const std::string_view text = text_at(L, index);
  State::of(L).borrow(text.size());
  return text;
}

std::int64_t integer_at(lua_State* L, int index) {
  int fits = 0;
  const lua_Integer value = lua_tointegerx(L, index, &fits);
  if (fits == 0) wrong_argument(index, "integer", L);
  return value;
}

double number_at(lua_State* L, int index) {
  int fits = 0;
  const lua_Number value = lua_tonumberx(L, index, &fits);
  if (fits == 0) wrong_argument(index, "number", L);
  return value;
}

bool boolean_at(lua_State* L, int index) {
  if (!lua_isboolean(L, index)) wrong_argument(index, "boolean", L);
  return lua_toboolean(L, index) != 0;
}

json::value data_at(lua_State* L, int index, Keys keys) {
  return DataReader(L, keys).read(lua_absindex(L, index));
}

void* object_at(lua_State* L, int index, std::string_view class_name) {
  void* object = luaL_testudata(L, index, class_name.data());
  if (object == nullptr) wrong_argument(index, class_name, L);
  return object;
}

std::shared_ptr<const Thrown> thrown_at(lua_State* L, int index) {
  void* object = luaL_testudata(L, index, thrown_class.data());
  if (object == nullptr) return nullptr;
  return std::static_pointer_cast<const Thrown>(*static_cast<std::shared_ptr<void>*>(object));
}

void make_room(lua_State* L, int values) {
  if (lua_checkstack(L, values) == 0) throw std::runtime_error("stack overflow");
}

void push(lua_State* L, std::string_view text) {
  Runtime::charge(State::of(L), text.size());
  lua_pushlstring(L, text.data(), text.size());
}
void push(lua_State* L, bool value) { lua_pushboolean(L, value ? 1 : 0); }
void push(lua_State* L, std::int64_t value) { lua_pushinteger(L, value); }
void push(lua_State* L, double value) { lua_pushnumber(L, value); }

namespace {
/// "#5" becomes 5, and "##x" becomes "#x".
void push_typed_key(lua_State* L, std::string_view key) {
  if (!key.starts_with('#')) return push(L, key);
  key.remove_prefix(1);
  std::int64_t number = 0;
  const char* end = key.data() + key.size();
  if (std::from_chars(key.data(), end, number).ptr == end && !key.empty()) return push(L, number);
  push(L, key);
}
}  // namespace

void push(lua_State* L, const json::value& value, Keys keys) {
  make_room(L, 4);
  switch (value.kind()) {
    case json::kind::null:
      return lua_pushnil(L);
    case json::kind::bool_:
      return push(L, value.get_bool());
    case json::kind::int64:
      return push(L, std::int64_t{value.get_int64()});
    case json::kind::uint64:
      return push(L, static_cast<double>(value.get_uint64()));
    case json::kind::double_:
      return push(L, value.get_double());
    case json::kind::string:
      return push(L, std::string_view(value.get_string()));
    case json::kind::array: {
      const json::array& array = value.get_array();
      lua_createtable(L, static_cast<int>(array.size()), 0);
      for (std::size_t i = 0; i < array.size(); ++i) {
        push(L, array[i], keys);
        lua_rawseti(L, -2, static_cast<lua_Integer>(i) + 1);
      }
      return;
    }
    case json::kind::object: {
      const json::object& object = value.get_object();
      lua_createtable(L, 0, static_cast<int>(object.size()));
      for (const auto& [key, element] : object) {
        keys == Keys::typed ? push_typed_key(L, key) : push(L, std::string_view(key));
        push(L, element, keys);
        lua_rawset(L, -3);
      }
      return;
    }
  }
}

void push_object(lua_State* L, std::shared_ptr<void> holder, std::string_view class_name) {
  void* place = lua_newuserdatauv(L, sizeof(std::shared_ptr<void>), 0);
  new (place) std::shared_ptr<void>(std::move(holder));
  if (luaL_newmetatable(L, class_name.data()) != 0) {
    lua_pushcfunction(L, destroy);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
}

int Pending::again(lua_State* L, const json::array& results) {
  make_room(L, static_cast<int>(results.size()));
  for (const json::value& one : results) push(L, one);
  return static_cast<int>(results.size());
}

int suspend(lua_State* L, std::unique_ptr<Pending> pending) {
  State& state = State::of(L);
  if (current(L).offline() && pending->is_data()) {
    return pending->again(L, current(L).next_answer(name_of_function(L)));
  }
  if (!Runtime::may_wait(state, L)) {
    throw std::runtime_error(
        "what waits cannot be called in a callback of string.gsub or in a metamethod like "
        "__tostring");
  }
  Runtime::wait_for(state, std::move(pending));
  return suspended;
}

int derive(lua_State* L, int (*body)(lua_State*)) {
  Call* call = State::of(L).running();
  if (call == nullptr || !call->judges_login()) return body(L);
  const std::string name = name_of_function(L);
  std::vector<std::string_view> texts;
  for (int i = 1; i <= lua_gettop(L); ++i) {
    // lua_tolstring() would convert a number in place.
    if (lua_type(L, i) == LUA_TSTRING) texts.push_back(text_at(L, i));
  }
  charge(L, call->cost_of_deriving());
  if (!call->derives(name, texts)) return body(L);
  if (call->offline()) {
    const json::array results = call->next_answer(name);
    if (!results.empty() && results.front().is_string()) {
      call->keep_derived(texts, results.front().as_string());
    }
    make_room(L, static_cast<int>(results.size()));
    for (const json::value& one : results) push(L, one, Keys::typed);
    return static_cast<int>(results.size());
  }
  try {
    const int count = body(L);
    if (count > 0 && lua_type(L, -count) == LUA_TSTRING) {
      call->keep_derived(texts, text_at(L, -count));
    }
    if (call->records()) {
      call->tell(name, results_of(L, count, Keys::typed), Source::store, Keys::typed);
    }
    return count;
  } catch (const std::exception& error) {
    if (call->records()) call->tell_failure(name, error.what());
    throw;
  }
}

int guarded(lua_State* L, int (*body)(lua_State*)) {
  luaL_checkstack(L, usual_room, "of a host function");
  State& state = State::of(L);
  int results = raise;
  const std::size_t borrowed = Runtime::borrowed(state);
  Runtime::enter(state);
  Runtime::set_active(state, L);
  try {
    results = body(L);
  } catch (const Throw& thrown) {
    push_object(L, std::const_pointer_cast<Thrown>(thrown.value), thrown_class);
  } catch (const PlacedError& error) {
    push(L, std::string_view(error.what()));
  } catch (const MemoryUsedUp&) {
    results = stop;
  } catch (const std::exception& error) {
    push_error(L, error.what());
  } catch (...) {
    push_error(L, "trouble of unknown kind");
  }
  Runtime::leave(state);
  Runtime::borrowed(state) = borrowed;
  if (results == stop) Runtime::stop_for_memory(L);
  if (results == raise) return lua_error(L);
  if (results == suspended) return lua_yieldk(L, 0, 0, resumed);
  return results;
}

}  // namespace postern::script::stack
