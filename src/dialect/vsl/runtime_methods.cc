// Methods of texts and of any value: `value.name(...)`. Each calls push_none() for a value that has
// no such method.
#include <algorithm>
#include <charconv>
#include <clocale>
#include <cwctype>

#include "base/text.h"
#include "dialect/vsl/code_points.h"
#include "dialect/vsl/machine.h"
#include "dialect/vsl/values.h"

namespace postern::dialect::vsl {

namespace {

using script::stack::push;

bool is_text(lua_State* L) { return lua_type(L, 1) == LUA_TSTRING; }

/// The text that a method works on. Its size counts as work of the script.
std::string_view own_text(lua_State* L, Work& work) {
  const std::string_view text = script::stack::text_at(L, 1);
  work.step(1 + text.size() / 8);
  return text;
}

/// The text of an argument.
std::string method_argument(lua_State* L, int index, Work& work) { return text_at(L, index, work); }

int give_text(lua_State* L, std::string_view text) {
  if (text.size() > machine_of(L).limits->string) throw Exhausted{string_too_long};
  push(L, text);
  return 1;
}

int to_string_of(lua_State* L) {
  Work work(L);
  return give_text(L, text_at(L, 1, work));
}

int to_debug(lua_State* L) {
  Work work(L);
  const Shape shape = shape_at(L, 1);
  if (shape == Shape::function || shape == Shape::foreign) {
    return give_text(L, text_at(L, 1, work));
  }
  const std::string text = debug_of(value_at(L, 1));
  work.octets(text.size() + 64);
  return give_text(L, text);
}

int type_of_value(lua_State* L) {
  push(L, type_name(L, 1));
  return 1;
}

/// The length of a value; nullopt: it has none.
std::optional<std::int64_t> length(lua_State* L, Work& work) {
  switch (shape_at(L, 1)) {
    case Shape::text:
      return characters(own_text(L, work));
    case Shape::array:
      return static_cast<std::int64_t>(lua_rawlen(L, 1));
    case Shape::range:
      return range_at(L, 1).count;
    case Shape::map: {
      std::int64_t count = 0;
      lua_pushnil(L);
      for (; lua_next(L, 1) != 0; ++count) lua_pop(L, 1);
      work.step(static_cast<std::uint64_t>(count));
      return count;
    }
    case Shape::object: {
      const Object& object = object_at(L, 1);
      if (object.type() != Object::Type::group && object.type() != Object::Type::file) break;
      return static_cast<std::int64_t>(object.members().size());
    }
    default:
      break;
  }
  return std::nullopt;
}

int len(lua_State* L) {
  Work work(L);
  const auto count = length(L, work);
  if (!count) return not_here(L);
  push(L, *count);
  return 1;
}

int is_empty(lua_State* L) {
  Work work(L);
  const auto count = length(L, work);
  if (!count) return not_here(L);
  push(L, *count == 0);
  return 1;
}

int contains(lua_State* L) {
  Work work(L);
  switch (shape_at(L, 1)) {
    case Shape::text:
    case Shape::array:
    case Shape::map:
    case Shape::range:
    case Shape::object:
      push(L, is_in_at(L, 2, 1, work));
      return 1;
    default:
      return not_here(L);
  }
}

int starts_with(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  push(L, own_text(L, work).starts_with(method_argument(L, 2, work)));
  return 1;
}

int ends_with(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  push(L, own_text(L, work).ends_with(method_argument(L, 2, work)));
  return 1;
}

/// Converts letters of all alphabets, regardless of the locale of the process.
template <wint_t (*convert)(wint_t, locale_t)>
int convert_case(lua_State* L) {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (!is_text(L)) return not_here(L);
  Work work(L);
  const std::string_view text = own_text(L, work);
  work.step(text.size());
  std::string made;
  made.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = octets_at(text, at);
    const auto lead = static_cast<unsigned char>(text[at]);
    if (size == 1 && lead >= 0x80) {
      made += text[at++];
      continue;
    }
    std::uint32_t point = size == 1 ? lead : lead & (0x7Fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
      point = (point << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
    }
    const auto other =
        locale == nullptr ? point : static_cast<std::uint32_t>(convert(point, locale));
    made += utf8(other).value_or(std::string(text.substr(at, size)));
    at += size;
  }
  return give_text(L, made);
}

int trim_text(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  return give_text(L, trim(own_text(L, work)));
}

int split_text(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  const std::string_view text = own_text(L, work);
  const std::string separator = method_argument(L, 2, work);
  if (separator.empty()) throw std::runtime_error("`split` needs a separator");
  push_array(L, 0);
  lua_Integer count = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    if (static_cast<std::size_t>(count) >= machine_of(L).limits->array) {
      throw Exhausted{array_too_long};
    }
    work.step(2);
    push(L, text.substr(at, end - at));
    lua_rawseti(L, -2, ++count);
    if (end == text.size()) break;
    at = end + separator.size();
    if (at > text.size()) break;
  }
  return 1;
}

/// index_of(what): the position in characters; -1: not found.
int index_of(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  const std::string_view text = own_text(L, work);
  const std::size_t at = text.find(method_argument(L, 2, work));
  push(L, at == std::string_view::npos ? std::int64_t{-1} : characters(text.substr(0, at)));
  return 1;
}

/// sub_string(start, [length]): as much of it as exists; a negative start counts from the end.
int sub_string(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  const std::string_view text = own_text(L, work);
  const std::int64_t count = characters(text);
  std::int64_t start = script::stack::integer_at(L, 2);
  if (start < 0) start = std::max<std::int64_t>(0, count + std::max(start, -count));
  start = std::min(start, count);
  std::int64_t length = count - start;
  if (lua_gettop(L) > 2) {
    length = std::clamp<std::int64_t>(script::stack::integer_at(L, 3), 0, length);
  }
  std::size_t from = 0;
  for (std::int64_t i = 0; i < start; ++i) from += octets_at(text, from);
  std::size_t to = from;
  for (std::int64_t i = 0; i < length; ++i) to += octets_at(text, to);
  return give_text(L, text.substr(from, to - from));
}

int parse_int(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  const std::string_view text = own_text(L, work);
  std::string_view digits = trim(text);
  if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
  if (error != std::errc() || end != digits.end()) {
    throw std::runtime_error("'" + printable(text, 100) + "' is not a number");
  }
  push(L, value);
  return 1;
}

/// replace(what, by): a new text with each occurrence replaced.
int replace(lua_State* L) {
  if (!is_text(L)) return not_here(L);
  Work work(L);
  const std::string_view text = own_text(L, work);
  const std::string what = method_argument(L, 2, work);
  const std::string by = method_argument(L, 3, work);
  if (what.empty()) return give_text(L, text);
  std::string made;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find(what, at);
    made += text.substr(at, std::min(end, text.size()) - at);
    if (end == std::string_view::npos) break;
    made += by;
    work.step();
    if (made.size() > machine_of(L).limits->string) throw Exhausted{string_too_long};
    at = end + what.size();
  }
  work.octets(made.size());
  return give_text(L, made);
}

template <bool domain>
int part_of_address(lua_State* L) {
  if (shape_at(L, 1) != Shape::object) return not_here(L);
  const Object& object = object_at(L, 1);
  if (object.type() != Object::Type::address) return not_here(L);
  push(L, part_of(object, domain));
  return 1;
}

constexpr std::string_view one_value = "value: any";
constexpr std::string_view value_and_what = "value: any, what: any";

constexpr script::HostFunction runtime_method_rows[] = {
    {"vsl_method.to_string", one_value, "string", "As text.", bounded<to_string_of>},
    {"vsl_method.to_debug", one_value, "string", "As text, texts in quotes.", bounded<to_debug>},
    {"vsl_method.type_of", one_value, "string", "The name of its type.", bounded<type_of_value>},
    {"vsl_method.len", one_value, "integer", "How many it holds.", bounded<len>},
    {"vsl_method.is_empty", one_value, "boolean", "Whether it holds none.", bounded<is_empty>},
    {"vsl_method.contains", value_and_what, "boolean", "`what in value`", bounded<contains>},
    {"vsl_method.starts_with", value_and_what, "boolean", "", bounded<starts_with>},
    {"vsl_method.ends_with", value_and_what, "boolean", "", bounded<ends_with>},
    {"vsl_method.to_lower", one_value, "string", "", bounded<convert_case<towlower_l>>},
    {"vsl_method.to_upper", one_value, "string", "", bounded<convert_case<towupper_l>>},
    {"vsl_method.trim", one_value, "string", "Without blanks around it.", bounded<trim_text>},
    {"vsl_method.split", value_and_what, "string[]", "The texts between.", bounded<split_text>},
    {"vsl_method.index_of", value_and_what, "integer", "Where it is; -1: nowhere.",
     bounded<index_of>},
    {"vsl_method.sub_string", "value: any, start: integer, length?: integer", "string",
     "A part of it, counted in characters.", bounded<sub_string>},
    {"vsl_method.parse_int", one_value, "integer", "The number it spells.", bounded<parse_int>},
    {"vsl_method.replace", "value: any, what: any, by: any", "string", "", bounded<replace>},
    {"vsl_method.get_domain", one_value, "string", "Of an address.",
     bounded<part_of_address<true>>},
    {"vsl_method.get_local_part", one_value, "string", "Of an address.",
     bounded<part_of_address<false>>},
};

}  // namespace

script::HostTable method_functions() { return runtime_method_rows; }

}  // namespace postern::dialect::vsl
