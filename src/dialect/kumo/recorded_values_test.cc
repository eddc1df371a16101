#include "dialect/kumo/recorded_values.h"

#include <limits>

#include <gtest/gtest.h>

namespace postern::dialect::kumo {
namespace {

namespace json = boost::json;

json::object values(const std::string& text) { return json::parse(text).as_object(); }

TEST(RecordedValues, numbers_without_a_form_are_null) {
  const double endless = std::numeric_limits<double>::infinity();
  const json::value given{{"a", endless}, {"b", {1.5, -endless, endless - endless}}};
  EXPECT_EQ(json::serialize(storable(given)), R"({"a":null,"b":[1.5E0,null,null]})");
}

TEST(RecordedValues, secrets_are_left_out_of_the_values_that_hold_them) {
  const SecretValues secrets{{"x_pw", {"tiger"}}, {"x_deep", {"12345"}}, {"x_tiger", {"tiger"}}};
  EXPECT_EQ(without_secrets(values(R"({"x_pw": "a tiger", "x_animal": "tiger",
                                       "x_deep": {"12345": [12345, true, "no 12345"]},
                                       "x_tiger": 1})"),
                            secrets),
            values(R"({"x_pw": "a <redacted>", "x_animal": "tiger",
                       "x_deep": {"<redacted>": ["<redacted>", true, "no <redacted>"]},
                       "x_<redacted>": 1})"));
}

TEST(RecordedValues, octets_become_text) {
  json::object given{{"x", "a\xff"}, {"y", {"z\xc3\xbc"}}};
  given["n\xff"] = 1;
  EXPECT_EQ(in_utf8(given), values(R"({"x": {"base64": "Yf8="}, "y": ["zü"], "n\\xff": 1})"));
}

}  // namespace
}  // namespace postern::dialect::kumo
