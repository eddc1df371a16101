#include "telemetry/outage.h"

#include <gtest/gtest.h>

namespace postern::telemetry {
namespace {

using namespace std::chrono_literals;

TEST(Outage, its_begin_and_end_are_told_and_what_is_between_once_a_minute) {
  Outage outage;
  const Outage::Clock::time_point start{};
  EXPECT_FALSE(outage.answers(start)) << "nothing failed";
  int lines = 0;
  for (auto after = 0ms; after < 150s; after += 100ms) {
    const auto told = outage.failed(start + after);
    if (!told) continue;
    ++lines;
    EXPECT_EQ(told->lasts, after);
    EXPECT_EQ(told->failed, static_cast<std::uint64_t>(after / 100ms) + 1);
  }
  EXPECT_EQ(lines, 3) << "after 0, 60 and 120 s";
  const auto end = outage.answers(start + 151s);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->lasts, 151s);
  EXPECT_EQ(end->failed, 1500u);
  EXPECT_FALSE(outage.answers(start + 152s));
  EXPECT_TRUE(outage.failed(start + 153s)) << "another one, which begins";
}

}  // namespace
}  // namespace postern::telemetry
