#include "script/duration.h"

#include <gtest/gtest.h>

namespace postern::script {
namespace {

using namespace std::chrono_literals;

TEST(Duration, numbers_with_units_are_added_up) {
  const struct {
    std::string_view text;
    std::chrono::milliseconds duration;
  } cases[] = {
      {"5 minutes", 5min}, {"10s", 10s},        {"1h", 1h},       {"17 mins", 17min},
      {"1h 30m", 90min},   {" 2days3hr ", 51h}, {"1500us", 1ms},  {"250 ms", 250ms},
      {"1 week", 168h},    {"0s", 0s},          {"1M", 2630016s}, {"1year", 31557600s},
  };
  for (const auto& c : cases) {
    const auto duration = parse_duration(c.text);
    ASSERT_TRUE(duration) << c.text;
    EXPECT_EQ(*duration, c.duration) << c.text;
  }
}

TEST(Duration, anything_else_is_malformed) {
  for (const std::string_view text :
       {"", " ", "5", "minutes", "5 fortnights", "-5 s", "1.5h", "5 minutes!", "11 years",
        "99999999999999999999 s", "10 years 1 year", "5 \x01", "1S"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().fault, Fault::malformed);
  }
}

}  // namespace
}  // namespace postern::script
