#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

struct LibTime : ::testing::Test {
  testing::Library library{{time_functions()}};
};

TEST_F(LibTime, times_have_fields_and_texts) {
  library.expect({
      {"local t = kumo.time.with_ymd_hms(2000, 1, 2, 3, 4, 5) "
       "result(tostring(t), t.year, t.month, t.day, t.hour, t.minute, t.second, t.unix_timestamp, "
       "t.unix_timestamp_millis)",
       R"("2000-01-02 03:04:05 UTC" 2000 1 2 3 4 5 946782245 946782245000)"},
      {"local t = kumo.time.from_unix_timestamp(946782245.25) "
       "result(t.rfc2822, t.rfc3339, t:format '%H:%M:%.3f', t.unix_timestamp_millis)",
       R"("Sun, 2 Jan 2000 03:04:05 +0000" "2000-01-02T03:04:05.250+00:00" "03:04:.250" )"
       "946782245250"},
      {"result(tostring(kumo.time.from_unix_timestamp(1)), "
       "tostring(kumo.time.from_unix_timestamp(-1)))",
       R"("1970-01-01 00:00:01 UTC" "1969-12-31 23:59:59 UTC")"},
      {"local n = kumo.time.now() result(n.year > 2023, n.elapsed.seconds < 5, "
       "math.abs(n.unix_timestamp - os.time()) < 5)",
       "true true true"},
      {"kumo.time.with_ymd_hms(2000, 2, 30, 0, 0, 0)",
       "error: policy.lua:1: there is no such date or time"},
      {"kumo.time.with_ymd_hms(2000, 2, 3, 0, 0, 2^40)",
       "error: policy.lua:1: there is no such date or time"},
      {"kumo.time.from_unix_timestamp(1e18)",
       "error: policy.lua:1: the number of seconds is too large"},
      {"kumo.time.from_unix_timestamp(0 / 0)",
       "error: policy.lua:1: the number of seconds is too large"},
      {"kumo.time.from_unix_timestamp(2.6e11)",
       "error: policy.lua:1: the time is outside of the years 1 to 9999"},
      {"kumo.time.parse_rfc3339 'today'", "error: policy.lua:1: `today` is no time of RFC 3339"},
      {"kumo.time.now():format '%Q'",
       "error: policy.lua:1: the format has a `%Q` without a meaning"},
  });
}

TEST_F(LibTime, is_reckoned_with_and_compared) {
  library.expect({
      {"local a = kumo.time.parse_rfc3339 '2000-01-02T03:04:05+00:00' "
       "local b = kumo.time.parse_rfc2822 'Sun, 2 Jan 2000 04:04:05 +0100' "
       "local d = kumo.time.parse_duration '90s' "
       "result(a == b, tostring(a + d), tostring(d + a), tostring(a - d), tostring((a + d) - b))",
       R"(true "2000-01-02 03:05:35 UTC" "2000-01-02 03:05:35 UTC" )"
       R"("2000-01-02 03:02:35 UTC" "1m 30s")"},
      {"local d = kumo.time.parse_duration local a, b = d(20), d '10 seconds' "
       "result((b - a).seconds, (a + b).human, a == d '20s', a == b, a > b, b <= a, a < b)",
       R"(-1E1 "30s" true false true true false)"},
      {"local t = kumo.time.from_unix_timestamp local a, b = t(1), t(2) "
       "result(a < b, a <= b, a > b, a == kumo.time.parse_duration(1))",
       "true true false false"},
      {"local d = kumo.time.parse_duration(-1.5) "
       "result(d.seconds, d.milliseconds, d.microseconds, d.nanoseconds, tostring(d))",
       R"(-1.5E0 -1500 -1500000 -1500000000 "-1s 500ms")"},
      {"result(kumo.time.parse_duration(1e10).nanoseconds)", "null"},
      {"local d = kumo.time.parse_duration result(d('15us').microseconds, d '1999 "
       "ns'.microseconds)",
       "15 1"},
      {"local t = kumo.time local now = t.epoch_millis() "
       "result(now // 1000 - os.time() <= 1, t.since_millis(now - 5000) // 1000)",
       "true 5"},
      {"kumo.time.since_millis(1e300)",
       "error: policy.lua:1: the number of milliseconds is too large"},
      {"result(string.format('%d', kumo.time.parse_duration('5 minutes').seconds // 1))",
       R"("300")"},
      {"local a = kumo.time.from_unix_timestamp(1) local b = a + a",
       "error: policy.lua:1: argument 2: TimeDelta expected, got Time"},
      {"local a = kumo.time.from_unix_timestamp(2.5e11) local d = kumo.time.parse_duration(2.5e11) "
       "local b = a + d",
       "error: policy.lua:1: the time is outside of the years 1 to 9999"},
      {"local d = kumo.time.parse_duration(3e11) local e = d + d",
       "error: policy.lua:1: the span is longer than 9999 years"},
      {"kumo.time.parse_duration({})",
       "error: policy.lua:1: a number of seconds or a text like '5 minutes' expected"},
  });
  EXPECT_THAT(library.answer("kumo.time.parse_duration 'soon'"), HasSubstr("no duration"));
}

TEST_F(LibTime, sleeps_no_longer_than_the_call_may_last) {
  library.expect({
      {"local n = kumo.time.now() kumo.sleep(0.03) result(n.elapsed.seconds >= 0.03)", "true"},
      {"kumo.time.sleep(-1)", "error: policy.lua:1: the number of seconds is negative"},
  });
  const script::Limits limits{.time = std::chrono::milliseconds(100)};
  EXPECT_EQ(library.answer("kumo.time.sleep(1e300)", limits),
            "error: policy.lua:1: the time of this call is over");
  library.answer("while true do pcall(kumo.time.sleep, 1) end", limits);
  ASSERT_TRUE(library.raised);
  EXPECT_EQ(library.raised->stopped, script::Stopped::time);
}

TEST_F(LibTime, timers_log_what_they_measure) {
  library.expect({
      {"local t = kumo.time.start_timer 'mine' kumo.sleep(0.01) result(t:done() >= 0.01)", "true"},
      {"do local t <close> = kumo.time.start_timer 'closed' end result 'x'", R"("x")"},
      {"do local t <close> = kumo.time.start_timer 'once' t:done() result(t:done()) end", "null"},
  });
  ASSERT_EQ(library.world.lines.size(), 3u);
  // How long it took depends on the machine: the first line of the script says that it was
  // measured.
  EXPECT_THAT(library.world.lines[0],
              ContainsRegex("debug policy.lua:1 mine took [0-9]+[.][0-9]+"));
  EXPECT_THAT(library.world.lines[1],
              ContainsRegex("debug policy.lua:1 closed took [0-9]+[.][0-9]+"));
}

}  // namespace
}  // namespace postern::dialect::kumo
