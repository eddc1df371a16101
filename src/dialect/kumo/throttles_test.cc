#include "dialect/kumo/throttles.h"

#include <gtest/gtest.h>

#include "dialect/kumo/hooks_test.h"

namespace postern::dialect::kumo {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Throttles, rates) {
  const std::tuple<const char*, std::uint64_t, seconds, std::uint64_t> good[] = {
      {"10/s", 10, seconds(1), 10},         {"local:10/second", 10, seconds(1), 10},
      {"1,000/hr", 1000, hours(1), 1000},   {"10_000/d", 10'000, hours(24), 10'000},
      {"20/30minute", 20, minutes(30), 20}, {"60/minute,max_burst=1", 60, minutes(1), 1},
  };
  for (const auto& [text, limit, period, burst] : good) {
    const auto spec = parse_throttle(text);
    ASSERT_TRUE(spec) << text;
    EXPECT_EQ(spec->limit, limit) << text;
    EXPECT_EQ(spec->period, period) << text;
    EXPECT_EQ(spec->burst, burst) << text;
  }
  for (const char* text : {"", "10", "10/", "/s", "0/s", "-1/s", "10/fortnight", "10/0s", "x/s",
                           "10/s,burst=1", "10/s,max_burst=0", "10/s,", "99999999999999/s"}) {
    EXPECT_FALSE(parse_throttle(text)) << text;
  }
}

TEST(Throttles, a_period_begins_whole_and_refills_evenly) {
  Throttles all;
  const ThrottleSpec spec = *parse_throttle("6/min");
  auto now = Throttles::Clock::time_point(hours(1));
  for (std::uint64_t i = 0; i < 6; ++i) {
    const auto taken = all.take("a", spec, now);
    EXPECT_FALSE(taken.throttled) << i;
    EXPECT_EQ(taken.remaining, 5 - i);
  }
  const auto over = all.take("a", spec, now);
  EXPECT_TRUE(over.throttled);
  EXPECT_EQ(over.retry_after, seconds(10));
  EXPECT_FALSE(all.take("b", spec, now).throttled) << "another name";
  EXPECT_TRUE(all.take("a", spec, now + seconds(9)).throttled);
  EXPECT_FALSE(all.take("a", spec, now + seconds(10)).throttled);
  EXPECT_TRUE(all.take("a", spec, now + seconds(10)).throttled);
}

TEST(Throttles, a_question_counts_nothing) {
  Throttles all;
  const ThrottleSpec spec = *parse_throttle("1/min");
  const auto now = Throttles::Clock::time_point(hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(all.take("a", spec, now, false).throttled);
  EXPECT_EQ(all.size(), 0u);
}

TEST(Throttles, memory_is_bounded) {
  Throttles all(1000);
  const ThrottleSpec spec = *parse_throttle("1/min");
  auto now = Throttles::Clock::time_point(hours(1));
  for (int i = 0; i < 10'000; ++i) {
    now += std::chrono::milliseconds(1);
    all.take(std::to_string(i), spec, now);
    EXPECT_LE(all.size(), 1000u);
  }
  EXPECT_TRUE(all.take("9999", spec, now).throttled) << "the newest are kept";
}

TEST(Throttles, long_names_are_told_apart) {
  Throttles all;
  const ThrottleSpec spec = *parse_throttle("1/min");
  const auto now = Throttles::Clock::time_point(hours(1));
  const std::string name(100'000, 'a');
  EXPECT_FALSE(all.take(name + "1", spec, now).throttled);
  EXPECT_FALSE(all.take(name + "2", spec, now).throttled);
  EXPECT_TRUE(all.take(name + "1", spec, now).throttled);
}

class ThrottleHooks : public testing::Hooks {};

TEST_F(ThrottleHooks, a_hook_refuses_what_is_above_the_rate) {
  load(
      "kumo.on('smtp_server_mail_from', function(sender)\n"
      "  local throttle = kumo.make_throttle('test-of-hooks', '2/hour')\n"
      "  local taken = throttle:throttle()\n"
      "  if taken.throttled then kumo.reject(451, '4.4.5 again in ' .. (taken.retry_after > 0 and "
      "'a while' or '?')) end\nend)");
  EXPECT_EQ(verdict(policy::Stage::mail), "pass");
  EXPECT_EQ(verdict(policy::Stage::mail), "pass");
  EXPECT_EQ(verdict(policy::Stage::mail), "451 4.4.5 again in a while");
}

TEST_F(ThrottleHooks, a_simulation_does_not_wait) {
  world_.simulated = true;
  load(
      "kumo.on('smtp_server_mail_from', function() kumo.make_throttle('test-2', "
      "'1/hour'):sleep_if_throttled() end)");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(verdict(policy::Stage::mail), "pass");
}

}  // namespace
}  // namespace postern::dialect::kumo
