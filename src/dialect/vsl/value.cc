#include "dialect/vsl/value.h"

#include <charconv>

#include "base/text.h"
#include "dialect/vsl/values.h"

namespace postern::dialect::vsl {

namespace {

constexpr int deepest_value = 32;
constexpr std::size_t most_elements = 100'000;
constexpr std::size_t most_octets = 16u << 20;

class Reader {
 public:
  explicit Reader(lua_State* L) : lua_(L) {}

  Value read(int index, int depth = 0) {
    if (++elements_ > most_elements) throw std::runtime_error("too many values in one value");
    if (depth > deepest_value) throw std::runtime_error("values are nested too deeply");
    switch (shape_at(lua_, index)) {
      case Shape::none:
      case Shape::unit:
        return Unit{};
      case Shape::boolean:
        return lua_toboolean(lua_, index) != 0;
      case Shape::integer:
        return std::int64_t{lua_tointeger(lua_, index)};
      case Shape::real:
        return double{lua_tonumber(lua_, index)};
      case Shape::text:
        return text(index);
      case Shape::array:
        return array(index, depth);
      case Shape::map:
        return map(index, depth);
      case Shape::range:
        return range(index);
      case Shape::object:
        return script::stack::take<ObjectPtr>(lua_, index);
      case Shape::status:
        return script::stack::take<StatusPtr>(lua_, index);
      case Shape::function:
        throw std::runtime_error("a function is no value to hand on");
      case Shape::foreign:
        throw std::runtime_error("a service is no value to hand on");
    }
    return Unit{};
  }

 private:
  std::string text(int index) {
    std::string one(script::stack::text_at(lua_, index));
    octets_ += one.size();
    if (octets_ > most_octets) throw std::runtime_error("too much text in one value");
    return one;
  }

  Value array(int index, int depth) {
    script::stack::make_room(lua_, 4);
    Value::Array made;
    const auto count = static_cast<lua_Integer>(lua_rawlen(lua_, index));
    for (lua_Integer i = 1; i <= count; ++i) {
      lua_rawgeti(lua_, index, i);
      made.push_back(read(lua_gettop(lua_), depth + 1));
      lua_pop(lua_, 1);
    }
    return made;
  }

  Value map(int index, int depth) {
    script::stack::make_room(lua_, 4);
    Value::Map made;
    lua_pushnil(lua_);
    while (lua_next(lua_, index) != 0) {
      const int top = lua_gettop(lua_);
      std::string key = text(top - 1);
      made.insert_or_assign(std::move(key), read(top, depth + 1));
      lua_pop(lua_, 1);
    }
    return made;
  }

  Value range(int index) {
    const Range one = range_at(lua_, index);
    if (one.count > std::int64_t{most_elements}) {
      throw std::runtime_error("a range this long is no value to hand on");
    }
    Value::Array made;
    for (std::int64_t i = 0; i < one.count; ++i) made.emplace_back(one.from + i);
    elements_ += made.size();
    return made;
  }

  lua_State* lua_;
  std::size_t elements_ = 0;
  std::size_t octets_ = 0;
};

template <class... Each>
struct Overloaded : Each... {
  using Each::operator()...;
};

std::string number_text(double value) {
  if (value != value) return "NaN";
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.begin(), buffer.end(), value).ptr;
  std::string text(buffer.begin(), end);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string quoted_text(std::string_view text) {
  return json::serialize(json::string(text.begin(), text.end()));
}

}  // namespace

Value value_at(lua_State* L, int index) { return Reader(L).read(lua_absindex(L, index)); }

void push(lua_State* L, const Value& value) {
  script::stack::make_room(L, 4);
  std::visit(
      Overloaded{
          [&](Unit) { push_unit(L); }, [&](bool one) { script::stack::push(L, one); },
          [&](std::int64_t one) { script::stack::push(L, one); },
          [&](double one) { script::stack::push(L, one); },
          [&](const std::string& one) { script::stack::push(L, std::string_view(one)); },
          [&](const ObjectPtr& one) { one ? (void)script::stack::give(L, one) : push_unit(L); },
          [&](const StatusPtr& one) { one ? (void)script::stack::give(L, one) : push_unit(L); },
          [&](const Value::Array& all) {
            push_array(L, static_cast<int>(all.size()));
            lua_Integer index = 0;
            for (const Value& one : all) {
              push(L, one);
              lua_rawseti(L, -2, ++index);
            }
          },
          [&](const Value::Map& all) {
            push_map(L, static_cast<int>(all.size()));
            for (const auto& [key, one] : all) {
              script::stack::push(L, std::string_view(key));
              push(L, one);
              lua_rawset(L, -3);
            }
          }},
      value.is);
}

std::string text_of(const Value& value) {
  return std::visit(
      Overloaded{[](Unit) { return std::string(); },
                 [](bool one) { return std::string(one ? "true" : "false"); },
                 [](std::int64_t one) { return std::to_string(one); },
                 [](double one) { return number_text(one); },
                 [](const std::string& one) { return one; },
                 [](const ObjectPtr& one) { return one ? one->text() : ""; },
                 [](const StatusPtr& one) { return one ? std::string(to_string(one->kind)) : ""; },
                 [](const Value::Array& all) {
                   std::string text = "[";
                   for (const Value& one : all) {
                     if (text.size() > 1) text += ", ";
                     text += debug_of(one);
                   }
                   return text + "]";
                 },
                 [](const Value::Map& all) {
                   std::string text = "#{";
                   for (const auto& [key, one] : all) {
                     if (text.size() > 2) text += ", ";
                     text += quoted_text(key) + ": " + debug_of(one);
                   }
                   return text + "}";
                 }},
      value.is);
}

std::string debug_of(const Value& value) {
  if (std::holds_alternative<Unit>(value.is)) return "()";
  if (const auto* text = std::get_if<std::string>(&value.is)) return quoted_text(*text);
  return text_of(value);
}

std::string_view type_of(const Value& value) {
  return std::visit(
      Overloaded{[](Unit) { return std::string_view("()"); },
                 [](bool) { return std::string_view("bool"); },
                 [](std::int64_t) { return std::string_view("i64"); },
                 [](double) { return std::string_view("f64"); },
                 [](const std::string&) { return std::string_view("string"); },
                 [](const ObjectPtr& one) { return one ? to_string(one->type()) : "()"; },
                 [](const StatusPtr&) { return std::string_view("status"); },
                 [](const Value::Array&) { return std::string_view("array"); },
                 [](const Value::Map&) { return std::string_view("map"); }},
      value.is);
}

Value value_from_json(const json::value& value, Value (*of_object)(const json::object& object)) {
  switch (value.kind()) {
    case json::kind::null:
      return Unit{};
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::int64:
      return value.get_int64();
    case json::kind::uint64:
      return static_cast<std::int64_t>(value.get_uint64());
    case json::kind::double_:
      return value.get_double();
    case json::kind::string:
      return std::string(value.get_string());
    case json::kind::array: {
      Value::Array array;
      for (const json::value& one : value.get_array())
        array.push_back(value_from_json(one, of_object));
      return array;
    }
    case json::kind::object:
      break;
  }
  return of_object(value.get_object());
}

}  // namespace postern::dialect::vsl

namespace postern::script {

using dialect::vsl::Object;
using dialect::vsl::ObjectPtr;
using dialect::vsl::Status;
using dialect::vsl::StatusPtr;
using dialect::vsl::Text;
using dialect::vsl::Unit;
using dialect::vsl::Value;

Text FromScript<Text>::take(lua_State* L, int index) {
  if (lua_type(L, index) == LUA_TSTRING) return {std::string(stack::text_at(L, index))};
  if (dialect::vsl::shape_at(L, index) == dialect::vsl::Shape::object) {
    return {dialect::vsl::object_at(L, index).text()};
  }
  throw std::runtime_error("argument " + std::to_string(index) +
                           ": a string or an object expected, got " +
                           std::string(dialect::vsl::type_name(L, index)));
}

namespace {

/// A JSON string, or base64 for a text that is not UTF-8.
json::value data_of(const std::string& text) {
  boost::system::error_code error;
  json::parse(json::serialize(json::string(text)), error);
  if (error) return {{"octets", base64_encode(text)}};
  return json::string(text);
}

json::value data_of(const smtp::Reply& reply) {
  return {{"code", reply.code},
          {"enhanced", reply.enhanced.to_string()},
          {"text", reply.text},
          {"after", static_cast<int>(reply.after)}};
}

smtp::Reply reply_again(const json::object& data) {
  smtp::Reply reply{.code = data.at("code").to_number<std::uint16_t>()};
  const std::string enhanced(data.at("enhanced").as_string());
  std::string_view rest = enhanced;
  reply.enhanced = smtp::take_enhanced(rest).value_or(smtp::EnhancedCode{});
  reply.text = data.at("text").as_string();
  reply.after = static_cast<smtp::After>(data.at("after").as_int64());
  return reply;
}

json::value data_of(const Object& object) {
  json::object data{{"object", to_string(object.type())}};
  switch (object.type()) {
    case Object::Type::file:
    case Object::Type::group: {
      json::array members;
      for (const ObjectPtr& one : object.members()) members.push_back(data_of(*one));
      data["members"] = std::move(members);
      break;
    }
    case Object::Type::code:
      data["reply"] = data_of(object.reply());
      break;
    default:
      data["text"] = object.text();
  }
  return data;
}

ObjectPtr object_again(const json::object& data) {
  const auto type = dialect::vsl::object_type(std::string_view(data.at("object").as_string()));
  if (!type) throw std::runtime_error("the record has an object of no known type");
  if (const json::value* reply = data.if_contains("reply")) {
    return Object::code(reply_again(reply->as_object()));
  }
  if (const json::value* all = data.if_contains("members")) {
    std::vector<ObjectPtr> members;
    for (const json::value& one : all->as_array()) {
      members.push_back(object_again(one.as_object()));
    }
    return Object::list(*type, std::move(members));
  }
  const std::string_view text = data.at("text").as_string();
  if (*type == Object::Type::address && text.empty()) return Object::address(std::nullopt);
  auto made = Object::make(*type, text);
  if (!made) throw std::runtime_error(made.error().message);
  return *made;
}

json::value data_of(const Status& status) {
  json::object data{{"status", static_cast<int>(status.kind)},
                    {"queue", status.queue},
                    {"detail", status.detail}};
  if (status.reply) data["reply"] = data_of(*status.reply);
  return data;
}

StatusPtr status_again(const json::object& data) {
  Status status{.kind = static_cast<Status::Kind>(data.at("status").as_int64()),
                .reply = std::nullopt,
                .queue = std::string(data.at("queue").as_string()),
                .detail = std::string(data.at("detail").as_string())};
  if (const json::value* reply = data.if_contains("reply")) {
    status.reply = reply_again(reply->as_object());
  }
  return std::make_shared<const Status>(std::move(status));
}

}  // namespace

/// Plain values stay as they are. Maps, objects, statuses and texts that are not UTF-8 become JSON
/// objects whose first key names the kind.
json::value Kept<Value>::data(const Value& value) {
  return std::visit(
      dialect::vsl::Overloaded{
          [](Unit) -> json::value { return nullptr; },
          [](const ObjectPtr& one) -> json::value { return one ? data_of(*one) : json::value(); },
          [](const StatusPtr& one) -> json::value { return one ? data_of(*one) : json::value(); },
          [](const std::string& text) -> json::value { return data_of(text); },
          [](const Value::Array& all) -> json::value {
            json::array made;
            for (const Value& one : all) made.push_back(data(one));
            return made;
          },
          [](const Value::Map& all) -> json::value {
            json::object made;
            for (const auto& [key, one] : all) made[key] = data(one);
            return {{"map", std::move(made)}};
          },
          [](const auto& one) -> json::value { return json::value(one); }},
      value.is);
}

Value Kept<Value>::again(const json::value& value) {
  return dialect::vsl::value_from_json(value, [](const json::object& data) -> Value {
    if (data.contains("object")) return object_again(data);
    if (data.contains("status")) return status_again(data);
    if (const json::value* octets = data.if_contains("octets")) {
      return base64_decode(std::string_view(octets->as_string())).value_or("");
    }
    Value::Map made;
    for (const auto& [key, one] : data.at("map").as_object()) made[std::string(key)] = again(one);
    return made;
  });
}

}  // namespace postern::script
