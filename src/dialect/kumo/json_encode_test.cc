#include "dialect/kumo/json_encode.h"

#include <limits>

#include <gtest/gtest.h>
#include <boost/json.hpp>

namespace postern::dialect::kumo {
namespace {

TEST(JsonEncode, sorts_keys_and_writes_plain_numbers) {
  const json::value value = json::parse(
      R"({"b": [1, 2.5, 1.0, 1e300, -0.1, null, true], "a": {"z": {}, "y": []}, "\"": "\u0001é"})");
  EXPECT_EQ(json_text(value),
            "{\"\\\"\":\"\\u0001é\",\"a\":{\"y\":[],\"z\":{}},"
            "\"b\":[1,2.5,1.0,1e+300,-0.1,null,true]}");
  EXPECT_EQ(json::parse(json_text(value)), value);
  EXPECT_EQ(json::parse(json_text(value, Layout::pretty)), value);
  EXPECT_EQ(json_text(std::numeric_limits<double>::quiet_NaN()), "null");
  EXPECT_EQ(json_text(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

TEST(JsonEncode, pretty_has_a_value_a_line) {
  EXPECT_EQ(json_text(json::parse(R"({"b": [1, {"c": "x"}], "a": {}})"), Layout::pretty),
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"c\": \"x\"\n    }\n  ]\n}");
}

TEST(JsonEncode, strings_are_plain_where_text_is_wanted) {
  EXPECT_EQ(plain_text("a\"b"), "a\"b");
  EXPECT_EQ(plain_text(json::array{"a", 1}), R"(["a",1])");
  EXPECT_EQ(plain_text(1.5), "1.5");
}

}  // namespace
}  // namespace postern::dialect::kumo
