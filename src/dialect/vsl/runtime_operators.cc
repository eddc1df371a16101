// Arithmetic and comparison. Integers have 64 bits and no result is rounded or cut silently.
#include <cmath>
#include <limits>

#include "dialect/vsl/machine.h"
#include "dialect/vsl/values.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();

bool are_integers(lua_State* L) { return lua_isinteger(L, 1) != 0 && lua_isinteger(L, 2) != 0; }
bool are_numbers(lua_State* L) {
  return lua_type(L, 1) == LUA_TNUMBER && lua_type(L, 2) == LUA_TNUMBER;
}

int overflow(lua_State* L) { return raise(L, "integer overflow"); }
int by_zero(lua_State* L) { return raise(L, "division by zero"); }
int misfit(lua_State* L, const char* word) {
  return raise(L, "`%s` cannot be applied to %s and %s", word, type_name(L, 1).data(),
               type_name(L, 2).data());
}

int give(lua_State* L, std::int64_t value) {
  lua_pushinteger(L, value);
  return 1;
}
int give(lua_State* L, double value) {
  lua_pushnumber(L, value);
  return 1;
}

/// Appends a value, or the elements of an array, to an array; joins other values as text.
int join_values(lua_State* L) {
  const Machine& machine = machine_of(L);
  Work work(L);
  if (shape_at(L, 1) == Shape::array) {
    const bool several = shape_at(L, 2) == Shape::array;
    const auto left = static_cast<lua_Integer>(lua_rawlen(L, 1));
    const lua_Integer right = several ? static_cast<lua_Integer>(lua_rawlen(L, 2)) : 1;
    if (static_cast<std::size_t>(left + right) > machine.limits->array) {
      throw Exhausted{array_too_long};
    }
    work.step(static_cast<std::uint64_t>(left + right));
    push_array(L, static_cast<int>(left + right));
    for (lua_Integer i = 1; i <= left; ++i) {
      lua_rawgeti(L, 1, i);
      lua_rawseti(L, -2, i);
    }
    for (lua_Integer i = 1; i <= right; ++i) {
      several ? (void)lua_rawgeti(L, 2, i) : lua_pushvalue(L, 2);
      lua_rawseti(L, -2, left + i);
    }
    return 1;
  }
  std::string text = text_at(L, 1, work);
  text += text_at(L, 2, work);
  if (text.size() > machine.limits->string) throw Exhausted{string_too_long};
  work.octets(text.size());
  script::stack::push(L, std::string_view(text));
  return 1;
}

int add(lua_State* L) {
  if (are_integers(L)) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &sum)) return overflow(L);
    return give(L, sum);
  }
  if (are_numbers(L)) return give(L, lua_tonumber(L, 1) + lua_tonumber(L, 2));
  if (lua_type(L, 1) == LUA_TSTRING || lua_type(L, 2) == LUA_TSTRING ||
      shape_at(L, 1) == Shape::array) {
    return bounded<join_values>(L);
  }
  return misfit(L, "+");
}

int subtract(lua_State* L) {
  if (are_integers(L)) {
    std::int64_t rest = 0;
    if (__builtin_sub_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &rest)) return overflow(L);
    return give(L, rest);
  }
  if (are_numbers(L)) return give(L, lua_tonumber(L, 1) - lua_tonumber(L, 2));
  return misfit(L, "-");
}

int multiply(lua_State* L) {
  if (are_integers(L)) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(lua_tointeger(L, 1), lua_tointeger(L, 2), &product)) {
      return overflow(L);
    }
    return give(L, product);
  }
  if (are_numbers(L)) return give(L, lua_tonumber(L, 1) * lua_tonumber(L, 2));
  return misfit(L, "*");
}

/// Rounds integers towards zero.
int divide(lua_State* L) {
  if (!are_numbers(L)) return misfit(L, "/");
  if (lua_tonumber(L, 2) == 0) return by_zero(L);
  if (!are_integers(L)) return give(L, lua_tonumber(L, 1) / lua_tonumber(L, 2));
  const std::int64_t left = lua_tointeger(L, 1);
  const std::int64_t right = lua_tointeger(L, 2);
  if (left == smallest && right == -1) return overflow(L);
  return give(L, left / right);
}

/// The result has the sign of the dividend.
int remainder(lua_State* L) {
  if (!are_numbers(L)) return misfit(L, "%");
  if (lua_tonumber(L, 2) == 0) return by_zero(L);
  if (!are_integers(L)) return give(L, std::fmod(lua_tonumber(L, 1), lua_tonumber(L, 2)));
  const std::int64_t right = lua_tointeger(L, 2);
  const std::int64_t left = lua_tointeger(L, 1);
  return give(L, std::int64_t{right == -1 ? 0 : left % right});
}

int power(lua_State* L) {
  if (!are_numbers(L)) return misfit(L, "**");
  if (!are_integers(L)) return give(L, std::pow(lua_tonumber(L, 1), lua_tonumber(L, 2)));
  std::int64_t base = lua_tointeger(L, 1);
  std::int64_t exponent = lua_tointeger(L, 2);
  if (exponent < 0) return raise(L, "an integer cannot be raised to a negative power");
  std::int64_t result = 1;
  for (;;) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return overflow(L);
    exponent >>= 1;
    if (exponent == 0) return give(L, result);
    if (__builtin_mul_overflow(base, base, &base)) return overflow(L);
  }
}

int minus(lua_State* L) {
  if (lua_isinteger(L, 1) != 0) {
    const std::int64_t value = lua_tointeger(L, 1);
    return value == smallest ? overflow(L) : give(L, -value);
  }
  if (lua_type(L, 1) == LUA_TNUMBER) return give(L, -lua_tonumber(L, 1));
  return raise(L, "`-` cannot be applied to %s", type_name(L, 1).data());
}

int plus(lua_State* L) {
  lua_settop(L, 1);
  if (lua_type(L, 1) == LUA_TNUMBER) return 1;
  return raise(L, "`+` cannot be applied to %s", type_name(L, 1).data());
}

int negate(lua_State* L) {
  if (!lua_isboolean(L, 1)) {
    return raise(L, "`!` needs a boolean, this is %s", type_name(L, 1).data());
  }
  lua_pushboolean(L, lua_toboolean(L, 1) == 0 ? 1 : 0);
  return 1;
}

/// Bits that are lost on the left are an overflow.
template <bool left>
int shift(lua_State* L) {
  if (!are_integers(L)) return misfit(L, left ? "<<" : ">>");
  const std::int64_t value = lua_tointeger(L, 1);
  const std::int64_t by = lua_tointeger(L, 2);
  if (by < 0 || by > 63) return raise(L, "a shift is by 0 to 63 bits");
  if (!left) return give(L, value >> by);
  const auto shifted = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << by);
  return (shifted >> by) == value ? give(L, shifted) : overflow(L);
}

template <char word>
int bits(lua_State* L) {
  const auto apply = [](std::int64_t a, std::int64_t b) {
    return word == '&' ? a & b : word == '|' ? a | b : a ^ b;
  };
  if (are_integers(L)) return give(L, apply(lua_tointeger(L, 1), lua_tointeger(L, 2)));
  if (lua_isboolean(L, 1) && lua_isboolean(L, 2)) {
    lua_pushboolean(L, apply(lua_toboolean(L, 1), lua_toboolean(L, 2)) != 0 ? 1 : 0);
    return 1;
  }
  const char name[] = {word, '\0'};
  return misfit(L, name);
}

/// Compares numbers by value, texts by their code points.
template <int operation, bool swapped>
int compare(lua_State* L, const char* word) {
  if (are_numbers(L)) {
    lua_pushboolean(L, swapped ? lua_compare(L, 2, 1, operation) : lua_compare(L, 1, 2, operation));
    return 1;
  }
  if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 2) != LUA_TSTRING) return misfit(L, word);
  const std::string_view left = script::stack::text_at(L, swapped ? 2 : 1);
  const std::string_view right = script::stack::text_at(L, swapped ? 1 : 2);
  lua_pushboolean(L, (operation == LUA_OPLT ? left < right : left <= right) ? 1 : 0);
  return 1;
}
int less(lua_State* L) { return compare<LUA_OPLT, false>(L, "<"); }
int at_most(lua_State* L) { return compare<LUA_OPLE, false>(L, "<="); }
int more(lua_State* L) { return compare<LUA_OPLT, true>(L, ">"); }
int at_least(lua_State* L) { return compare<LUA_OPLE, true>(L, ">="); }

int compare_values(lua_State* L) {
  Work work(L);
  work.step();
  lua_pushboolean(L, equal_at(L, 1, 2, work) ? 1 : 0);
  return 1;
}

/// Compares numbers, texts and booleans, the most frequent values, directly.
int compare_any(lua_State* L) {
  const int left = lua_type(L, 1);
  const bool plain = left == lua_type(L, 2) &&
                     (left == LUA_TNUMBER || left == LUA_TSTRING || left == LUA_TBOOLEAN);
  if (!plain) return bounded<compare_values>(L);
  lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPEQ));
  return 1;
}
int equal(lua_State* L) {
  lua_settop(L, 2);
  return compare_any(L);
}
int unequal(lua_State* L) {
  lua_settop(L, 2);
  compare_any(L);
  lua_pushboolean(L, lua_toboolean(L, -1) == 0 ? 1 : 0);
  return 1;
}

int find_value(lua_State* L) {
  Work work(L);
  work.step();
  lua_pushboolean(L, is_in_at(L, 1, 2, work) ? 1 : 0);
  return 1;
}

template <bool with_end>
int range(lua_State* L) {
  if (!are_integers(L)) return misfit(L, with_end ? "..=" : "..");
  const std::int64_t from = lua_tointeger(L, 1);
  const std::int64_t to = lua_tointeger(L, 2);
  std::uint64_t count = 0;
  if (from < to) count = static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  if (with_end && from <= to) ++count;
  // No script counts further.
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  push_range(L, from, static_cast<std::int64_t>(std::min(count, most)));
  return 1;
}

constexpr std::string_view two_values = "left: any, right: any";

constexpr script::HostFunction runtime_operator_rows[] = {
    {"vsl_machine.add", two_values, "any", "`+`", add},
    {"vsl_machine.subtract", two_values, "any", "`-`", subtract},
    {"vsl_machine.multiply", two_values, "any", "`*`", multiply},
    {"vsl_machine.divide", two_values, "any", "`/`", divide},
    {"vsl_machine.remainder", two_values, "any", "`%`", remainder},
    {"vsl_machine.power", two_values, "any", "`**`", power},
    {"vsl_machine.minus", "value: any", "any", "`-`", minus},
    {"vsl_machine.plus", "value: any", "any", "`+`", plus},
    {"vsl_machine.negate", "value: any", "boolean", "`!`", negate},
    {"vsl_machine.shift_left", two_values, "any", "`<<`", shift<true>},
    {"vsl_machine.shift_right", two_values, "any", "`>>`", shift<false>},
    {"vsl_machine.bits_and", two_values, "any", "`&`", bits<'&'>},
    {"vsl_machine.bits_or", two_values, "any", "`|`", bits<'|'>},
    {"vsl_machine.bits_xor", two_values, "any", "`^`", bits<'^'>},
    {"vsl_machine.less", two_values, "boolean", "`<`", less},
    {"vsl_machine.at_most", two_values, "boolean", "`<=`", at_most},
    {"vsl_machine.more", two_values, "boolean", "`>`", more},
    {"vsl_machine.at_least", two_values, "boolean", "`>=`", at_least},
    {"vsl_machine.equal", two_values, "boolean", "`==`", equal},
    {"vsl_machine.unequal", two_values, "boolean", "`!=`", unequal},
    {"vsl_machine.is_in", two_values, "boolean", "`in`", bounded<find_value>},
    {"vsl_machine.range", two_values, "any", "`..`", range<false>},
    {"vsl_machine.range_with", two_values, "any", "`..=`", range<true>},
};

}  // namespace

script::HostTable operator_functions() { return runtime_operator_rows; }

}  // namespace postern::dialect::vsl
