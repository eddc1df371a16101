#include "dialect/vsl/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "dialect/vsl/values.h"

namespace postern::dialect::vsl {

namespace {

using script::Kept;

ObjectPtr object(Object::Type type, std::string_view text) { return *Object::make(type, text); }

std::vector<Value> all_kinds() {
  const StatusPtr status = std::make_shared<const Status>(
      Status{.kind = Status::Kind::deny,
             .reply = smtp::Reply{.code = 550, .enhanced = {5, 7, 1}, .text = "no\nnever"},
             .queue = "q",
             .detail = "d"});
  const ObjectPtr group = Object::list(Object::Type::group, {object(Object::Type::ip4, "192.0.2.1"),
                                                             object(Object::Type::regex, "^a.*"),
                                                             object(Object::Type::string, "text")});
  return {Unit{},
          true,
          std::int64_t{-5},
          std::numeric_limits<std::int64_t>::min(),
          1.5,
          "text",
          std::string("\0\xFF", 2),
          object(Object::Type::address, "me@doe.example"),
          Object::address(std::nullopt),
          object(Object::Type::rg6, "2001:db8::/32"),
          Object::code({.code = 550, .enhanced = {5, 7, 1}, .text = "no"}),
          group,
          status,
          Value::Array{},
          Value::Array{1.0, Unit{}, "x", Value::Array{group}},
          Value::Map{},
          Value::Map{{"a", Unit{}}, {"map", Value::Map{{"b", Value::Array{true}}}}}};
}

TEST(VslValue, texts_and_types) {
  const Value map = Value::Map{{"a", "x\"y"}, {"b", Unit{}}, {"c", Value::Array{1.0, true}}};
  EXPECT_EQ(text_of(map), R"(#{"a": "x\"y", "b": (), "c": [1.0, true]})");
  EXPECT_EQ(debug_of("x"), "\"x\"");
  EXPECT_EQ(text_of(Unit{}), "");
  EXPECT_EQ(debug_of(Unit{}), "()");
  EXPECT_EQ(text_of(1e300), "1e+300");
  EXPECT_EQ(text_of(object(Object::Type::ip4, "192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(type_of(object(Object::Type::ip4, "192.0.2.1")), "ip4");
  EXPECT_EQ(type_of(1.0), "f64");
  EXPECT_EQ(type_of(ObjectPtr()), "()");
}

TEST(VslValue, a_script_holds_what_it_was_given) {
  lua_State* L = luaL_newstate();
  // Texts are left out: they are charged to a script state, and there is none here.
  for (const Value& value : all_kinds()) {
    if (debug_of(value).find('"') != std::string::npos) continue;
    if (std::holds_alternative<ObjectPtr>(value.is)) continue;
    push(L, value);
    EXPECT_EQ(lua_gettop(L), 1);
    EXPECT_FALSE(lua_isnil(L, 1));
    EXPECT_EQ(type_of(value_at(L, 1)), type_of(value));
    EXPECT_EQ(debug_of(value_at(L, -1)), debug_of(value));
    lua_settop(L, 0);
  }
  lua_close(L);
}

TEST(VslValue, nesting_has_a_bound) {
  lua_State* L = luaL_newstate();
  push_array(L, 0);
  for (int i = 0; i < 40; ++i) {
    push_array(L, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
  }
  EXPECT_THROW(value_at(L, 1), std::runtime_error);
  lua_settop(L, 0);
  push_array(L, 0);
  for (int depth = 0; depth < 5; ++depth) {  // 100,000 values in tables of ten
    push_array(L, 10);
    for (int i = 1; i <= 10; ++i) {
      lua_pushvalue(L, -2);
      lua_rawseti(L, -2, i);
    }
    lua_remove(L, -2);
  }
  EXPECT_THROW(value_at(L, 1), std::runtime_error);
  lua_settop(L, 0);
  push_range(L, 0, std::numeric_limits<std::int64_t>::max());
  EXPECT_THROW(value_at(L, 1), std::runtime_error);
  lua_close(L);
}

TEST(VslValue, a_record_gives_it_again) {
  for (const Value& value : all_kinds()) {
    const json::value data = json::parse(json::serialize(Kept<Value>::data(value)));
    const Value again = Kept<Value>::again(data);
    EXPECT_EQ(again.is.index(), value.is.index()) << json::serialize(data);
    EXPECT_EQ(debug_of(again), debug_of(value));
    EXPECT_EQ(json::serialize(Kept<Value>::data(again)), json::serialize(data));
  }
  EXPECT_THROW(Kept<Value>::again(json::parse(R"({"object":"ip4","text":"x"})")),
               std::runtime_error);
}

}  // namespace

}  // namespace postern::dialect::vsl
