#include "admin/json_body.h"

#include <gtest/gtest.h>
#include <boost/json/serialize.hpp>

namespace postern::admin {
namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse_json_object(text);
  return parsed ? "" : parsed.error().message;
}

TEST(JsonBody, reads_an_object_of_everything) {
  const auto parsed = parse_json_object(
      R"( {"a":[1,-2,3.5,true,null],"b":{"c":"d\u00e9\n","":{}},"n":18446744073709551615} )");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(boost::json::serialize(*parsed),
            R"({"a":[1,-2,3.5E0,true,null],"b":{"c":"dé\n","":{}},"n":18446744073709551615})");
}

TEST(JsonBody, refuses_what_is_no_object) {
  for (const char* text : {"", " ", "[]", "[\"name\"]", "\"x\"", "1", "null", "true"}) {
    EXPECT_FALSE(error_of(text).empty()) << text;
  }
}

TEST(JsonBody, refuses_broken_json) {
  for (const char* text :
       {"{", "{\"name\":", "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{a:1}", "{\"a\":1 /* c */}",
        "{\"a\":NaN}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}"}) {
    EXPECT_FALSE(error_of(text).empty()) << text;
  }
}

TEST(JsonBody, refuses_a_key_given_twice) {
  EXPECT_NE(error_of(R"({"name":"p","name":"q"})").find("twice"), std::string::npos);
  EXPECT_NE(error_of(R"({"a":{"b":1,"b":1}})").find("twice"), std::string::npos);
  // The same key, once with an escape.
  EXPECT_NE(error_of(R"({"name":"p","n\u0061me":"q"})").find("twice"), std::string::npos);
  EXPECT_EQ(error_of(R"({"a":{"b":1},"c":{"b":1},"b":[{"b":1},{"b":2}]})"), "");
}

// Later code looks up each member, and libraries hash the keys: a body of 400 KB took seconds.
TEST(JsonBody, refuses_thousands_of_members) {
  const auto body = [](std::size_t members) {
    std::string text = "{";
    for (std::size_t i = 0; i < members; ++i) {
      text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
    }
    return text + "}";
  };
  EXPECT_TRUE(parse_json_object(body(max_json_members)));
  const auto refused = parse_json_object(body(max_json_members + 1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("more than 4096 members"), std::string::npos);
}

TEST(JsonBody, counts_the_members_of_all_objects) {
  // One for each inner object, and one for their list.
  const auto body = [](std::size_t members) {
    std::string text = R"({"list":[)";
    for (std::size_t i = 0; i < members; ++i) text += i > 0 ? R"(,{"a":1})" : R"({"a":1})";
    return text + "]}";
  };
  EXPECT_TRUE(parse_json_object(body(max_json_members_in_all - 1)));
  const auto refused = parse_json_object(body(max_json_members_in_all));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("the body has more than 16384 members"),
            std::string::npos);
}

TEST(JsonBody, refuses_octets_after_the_object) {
  EXPECT_NE(error_of(R"({"name":"p"} x)").find("after"), std::string::npos);
  EXPECT_NE(error_of("{}{}").find("after"), std::string::npos);
  EXPECT_EQ(error_of("{} \r\n\t"), "");
  EXPECT_FALSE(error_of(std::string_view("{}\0", 3)).empty());
}

TEST(JsonBody, refuses_deep_nesting) {
  const auto nested = [](std::size_t n) {
    return "{\"a\":" + std::string(n - 1, '[') + std::string(n - 1, ']') + "}";
  };
  EXPECT_EQ(error_of(nested(max_json_depth)), "");
  EXPECT_NE(error_of(nested(max_json_depth + 1)).find("deeper"), std::string::npos);
  EXPECT_NE(error_of(std::string(100000, '[')).find("deeper"), std::string::npos);
}

TEST(JsonBody, refuses_numbers_that_become_infinite) {
  EXPECT_NE(error_of(R"({"a":1e999})").find("too large"), std::string::npos);
  EXPECT_NE(error_of(R"({"a":-1e999})").find("too large"), std::string::npos);
}

TEST(JsonBody, refuses_bad_utf8) {
  EXPECT_NE(error_of("{\"name\":\"\xff\"}").find("UTF-8"), std::string::npos);
  EXPECT_NE(error_of("{\"name\":\"\xed\xa0\x80\"}").find("UTF-8"), std::string::npos);
}

}  // namespace
}  // namespace postern::admin
