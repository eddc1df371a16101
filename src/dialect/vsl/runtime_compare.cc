// Equality, `in`, and values as text.
#include <algorithm>

#include "dialect/vsl/machine.h"
#include "dialect/vsl/object_list.h"
#include "dialect/vsl/values.h"

namespace postern::dialect::vsl {

namespace {

constexpr int deepest_compared = 64;

bool decided(const std::optional<bool>& answer, const std::string& why) {
  if (!answer) throw std::runtime_error(why);
  return *answer;
}

/// Whether an object equals a value.
bool equals(lua_State* L, int object, int other, Work& work) {
  const Object& one = object_at(L, object);
  work.step(8);
  std::string why;
  switch (shape_at(L, other)) {
    case Shape::object:
      return decided(one.equals(object_at(L, other), why), why);
    case Shape::text: {
      const std::string_view text = script::stack::text_at(L, other);
      work.octets(text.size());
      return decided(one.equals(text, why), why);
    }
    default:
      return false;
  }
}

bool same_arrays(lua_State* L, int left, int right, Work& work, int depth) {
  const auto count = static_cast<lua_Integer>(lua_rawlen(L, left));
  if (static_cast<lua_Integer>(lua_rawlen(L, right)) != count) return false;
  bool same = true;
  for (lua_Integer i = 1; same && i <= count; ++i) {
    lua_rawgeti(L, left, i);
    lua_rawgeti(L, right, i);
    const int top = lua_gettop(L);
    same = equal_at(L, top - 1, top, work, depth + 1);
    lua_pop(L, 2);
  }
  return same;
}

/// Whether each entry of `left` is in `right`; counts the entries.
bool has_all(lua_State* L, int left, int right, Work& work, int depth, std::size_t& count) {
  lua_pushnil(L);
  while (lua_next(L, left) != 0) {
    ++count;
    lua_pushvalue(L, -2);
    lua_rawget(L, right);
    const int top = lua_gettop(L);
    const bool same = !lua_isnil(L, top) && equal_at(L, top - 1, top, work, depth + 1);
    lua_pop(L, 2);
    if (!same) {
      lua_pop(L, 1);
      return false;
    }
  }
  return true;
}

bool same_maps(lua_State* L, int left, int right, Work& work, int depth) {
  std::size_t count = 0;
  std::size_t others = 0;
  if (!has_all(L, left, right, work, depth, count)) return false;
  lua_pushnil(L);
  while (lua_next(L, right) != 0) {
    lua_pop(L, 1);
    work.step();
    ++others;
  }
  return count == others;
}

bool same_replies(const std::optional<smtp::Reply>& a, const std::optional<smtp::Reply>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a || (a->code == b->code && a->enhanced == b->enhanced && a->text == b->text);
}

bool is_number(Shape shape) { return shape == Shape::integer || shape == Shape::real; }

}  // namespace

bool equal_at(lua_State* L, int left, int right, Work& work, int depth) {
  if (depth > deepest_compared)
    throw std::runtime_error("values are nested too deeply to be compared");
  script::stack::make_room(L, 6);
  work.step();
  const Shape a = shape_at(L, left);
  const Shape b = shape_at(L, right);
  if (a == Shape::status || b == Shape::status) {
    if (a != b) return false;
    const Status& one = status_at(L, left);
    const Status& other = status_at(L, right);
    return one.kind == other.kind && one.queue == other.queue &&
           same_replies(one.reply, other.reply);
  }
  if (a == Shape::object) return equals(L, left, right, work);
  if (b == Shape::object) return equals(L, right, left, work);
  if (a != b) return is_number(a) && is_number(b) && lua_compare(L, left, right, LUA_OPEQ) != 0;
  switch (a) {
    case Shape::array:
      return same_arrays(L, left, right, work, depth);
    case Shape::map:
      return same_maps(L, left, right, work, depth);
    case Shape::range: {
      const Range one = range_at(L, left);
      const Range other = range_at(L, right);
      return one.from == other.from && one.count == other.count;
    }
    default:
      return lua_rawequal(L, left, right) != 0;
  }
}

namespace {

bool is_in_object(lua_State* L, int value, int object, Work& work) {
  const Object& container = object_at(L, object);
  work.step(8);
  std::string why;
  switch (shape_at(L, value)) {
    case Shape::object:
      return decided(container.contains(object_at(L, value), why), why);
    case Shape::text: {
      const std::string_view text = script::stack::text_at(L, value);
      work.octets(text.size());
      return decided(container.contains(text, why), why);
    }
    default:
      throw std::runtime_error("`in` cannot look for " + std::string(type_name(L, value)) + " in " +
                               std::string(type_name(L, object)));
  }
}

}  // namespace

bool holds_others(lua_State* L, int index) {
  if (shape_at(L, index) != Shape::object) return false;
  const Object::Type type = object_at(L, index).type();
  return objects::is_range(type) || objects::is_list(type);
}

bool is_member_at(lua_State* L, int value, int member, Work& work) {
  const Shape shape = shape_at(L, value);
  const bool looks_inside = shape == Shape::object || shape == Shape::text;
  if (looks_inside && holds_others(L, member)) {
    // Itself, too: a list has no equal.
    const bool alike =
        shape == Shape::object && object_at(L, value).type() == object_at(L, member).type();
    return (alike && equal_at(L, member, value, work)) || is_in_object(L, value, member, work);
  }
  return equal_at(L, member, value, work);
}

namespace {

bool is_in_array(lua_State* L, int value, int array, Work& work) {
  const auto count = static_cast<lua_Integer>(lua_rawlen(L, array));
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_rawgeti(L, array, i);
    const bool found = is_member_at(L, value, lua_gettop(L), work);
    lua_pop(L, 1);
    if (found) return true;
  }
  return false;
}

}  // namespace

bool is_in_at(lua_State* L, int value, int container, Work& work) {
  const auto wanted = [&](const char* what) {
    const auto text = textual(L, value);
    if (!text) throw std::runtime_error(std::string("`in` ") + what + " needs a string in front");
    return *text;
  };
  switch (shape_at(L, container)) {
    case Shape::object:
      return is_in_object(L, value, container, work);
    case Shape::array:
      return is_in_array(L, value, container, work);
    case Shape::text: {
      const std::string_view text = wanted("with a string");
      const std::string_view all = script::stack::text_at(L, container);
      work.octets(all.size());
      return all.find(text) != std::string_view::npos;
    }
    case Shape::map: {
      const std::string_view key = wanted("with a map");
      lua_pushlstring(L, key.data(), key.size());
      const bool found = lua_rawget(L, container) != LUA_TNIL;
      lua_pop(L, 1);
      return found;
    }
    case Shape::range: {
      if (lua_isinteger(L, value) == 0) return false;
      const Range range = range_at(L, container);
      const std::int64_t number = lua_tointeger(L, value);
      return number >= range.from &&
             static_cast<std::uint64_t>(number) - static_cast<std::uint64_t>(range.from) <
                 static_cast<std::uint64_t>(range.count);
    }
    default:
      throw std::runtime_error("`in` cannot look inside of " +
                               std::string(type_name(L, container)));
  }
}

std::string text_at(lua_State* L, int index, Work& work) {
  std::string text;
  switch (shape_at(L, index)) {
    case Shape::text:
      text = script::stack::text_at(L, index);
      break;
    case Shape::function:
    case Shape::foreign:
      text = type_name(L, index);
      break;
    default:
      text = text_of(value_at(L, index));
  }
  work.octets(text.size() + 64);
  if (text.size() > std::max(machine_of(L).limits->string, std::size_t{1})) {
    throw Exhausted{string_too_long};
  }
  return text;
}

}  // namespace postern::dialect::vsl
