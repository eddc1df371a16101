#include "base/json_text.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(JsonText, puts_commas_where_they_belong) {
  JsonText json;
  json.begin_object();
  json.field("a", 1);
  json.key("b");
  json.begin_array();
  json.value(-2);
  json.begin_array();
  json.end_array();
  json.value(true);
  json.raw("3,4");
  json.value("x");
  json.end_array();
  json.field("c", false);
  json.key("d");
  json.begin_object();
  json.end_object();
  json.field("e", std::string("y"));
  json.end_object();
  EXPECT_EQ(json.text(), R"({"a":1,"b":[-2,[],true,3,4,"x"],"c":false,"d":{},"e":"y"})");
}

TEST(JsonText, escapes_what_a_string_must_not_hold) {
  JsonText json;
  json.value(std::string_view("\"\\\n\r\t\x01\x1f\0/\x7f\u00e9", 12));
  EXPECT_EQ(json.text(), "\"\\\"\\\\\\n\\r\\t\\u0001\\u001f\\u0000/\x7f\u00e9\"");
}

TEST(JsonText, escapes_at_every_place_of_a_long_string) {
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    JsonText alone;
    alone.value(std::string_view(&c, 1));
    const std::string inside = alone.text().substr(1, alone.text().size() - 2);
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, at % 2 == 0 ? '!' : '\x7f');
      std::string wanted = text;
      text[at] = c;
      wanted.replace(at, 1, inside);
      JsonText json;
      json.value(text);
      EXPECT_EQ(json.text(), '"' + wanted + '"') << octet << " at " << at;
    }
  }
}

TEST(JsonText, writes_whole_numbers) {
  JsonText json;
  json.begin_array();
  json.value(INT64_MIN);
  json.value(UINT64_MAX);
  json.value(std::uint8_t{7});
  json.end_array();
  EXPECT_EQ(json.text(), "[-9223372036854775808,18446744073709551615,7]");
}

TEST(JsonText, takes_a_string_in_pieces) {
  JsonText json;
  json.begin_array();
  json.begin_string();
  json.string_piece("a\"");
  json.text().clear();  // streamed away
  json.string_piece("b");
  json.end_string();
  json.value(1);
  json.end_array();
  EXPECT_EQ(json.text(), "b\",1]");
}

}  // namespace
}  // namespace postern
