#include "base/time_text.h"

#include <limits>

#include <gtest/gtest.h>

namespace postern {
namespace {

ClockTime at_millis(std::int64_t millis) { return ClockTime(std::chrono::milliseconds(millis)); }

TEST(TimeText, writes_utc_with_so_many_digits) {
  EXPECT_EQ(to_rfc3339(at_millis(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(at_millis(1'709'164'800'007)), "2024-02-29T00:00:00.007Z");
  EXPECT_EQ(to_rfc3339(at_millis(1'709'164'800'999), 0), "2024-02-29T00:00:00Z");
  EXPECT_EQ(to_rfc3339(ClockTime(std::chrono::microseconds(-1)), 6), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_rfc3339(*instant_of(9999, 12, 31, 23, 59, 59), 0), "9999-12-31T23:59:59Z");
}

TEST(TimeText, reads_what_rfc_3339_allows) {
  const auto at = at_millis(1'705'312'800'000);
  EXPECT_EQ(from_rfc3339("2024-01-15T10:00:00Z"), at);
  EXPECT_EQ(from_rfc3339("2024-01-15T11:30:00+01:30"), at);
  EXPECT_EQ(from_rfc3339("2024-01-15t08:00:00-02:00"), at);
  EXPECT_EQ(from_rfc3339("2024-01-15T10:00:00.1234567Z"), at + std::chrono::milliseconds(123));
  EXPECT_EQ(from_rfc3339("2024-01-15T09:59:60Z"), at) << "a leap second";
  EXPECT_EQ(from_rfc3339(to_rfc3339(at)), at);
  EXPECT_EQ(*parse_rfc3339("2024-01-15T10:00:00.1234567Z"),
            Instant(std::chrono::microseconds(1'705'312'800'123'456)));
  EXPECT_TRUE(parse_rfc3339("0001-01-01T00:00:00Z"));
}

TEST(TimeText, refuses_the_rest) {
  for (const char* text :
       {"", "2024-01-15", "2024-01-15T10:00:00", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z",
        "2024-01-15T24:00:00Z", "2024-01-15T10:00:00.Z", "2024-01-15T10:00:00+1:00",
        "2024-01-15 10:00:00Z", "2024-01-15T10:00:00Zx", "+024-01-15T10:00:00Z",
        "1969-12-31T23:59:59Z", "2402-01-15T10:00:00Z"}) {
    EXPECT_FALSE(from_rfc3339(text)) << text;
  }
  EXPECT_FALSE(parse_rfc3339("0000-01-01T00:00:00Z"));
}

TEST(TimeText, what_is_read_can_be_written) {
  for (const char* text :
       {"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
  EXPECT_EQ(*parse_rfc3339("0001-01-01T01:00:00+01:00"), first_instant);
  EXPECT_EQ(*parse_rfc3339("9999-12-31T22:59:59.999999-01:00"), last_instant);
  EXPECT_FALSE(instant_of(9999, 12, 31, 23, 59, 60));
  // In UTC they are in 1969 and in 2200.
  EXPECT_FALSE(from_rfc3339("1970-01-01T00:00:00+01:00"));
  EXPECT_FALSE(from_rfc3339("2199-12-31T23:59:59-01:00"));
  EXPECT_EQ(from_rfc3339("1969-12-31T23:00:00-01:00"), at_millis(0));
  const auto last = from_rfc3339("2200-01-01T00:59:59.999+01:00");
  ASSERT_TRUE(last);
  EXPECT_EQ(from_rfc3339(to_rfc3339(*last)), last);
}

TEST(TimeText, dates_of_mail_and_http) {
  EXPECT_EQ(rfc5322_date(at_millis(1'767'323'045'000)), "Fri, 2 Jan 2026 03:04:05 +0000");
  EXPECT_EQ(http_date(at_millis(1'767'323'045'000)), "Fri, 02 Jan 2026 03:04:05 GMT");
}

TEST(TimeText, unix_times_have_a_year_of_four_digits) {
  EXPECT_EQ(to_rfc3339(instant_at(253'402'300'799).value(), 0), "9999-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339(instant_at(-62'135'596'800).value(), 0), "0001-01-01T00:00:00Z");
  EXPECT_FALSE(instant_at(253'402'300'800));
  EXPECT_FALSE(instant_at(std::numeric_limits<std::int64_t>::max()));
  EXPECT_FALSE(instant_at(std::numeric_limits<std::int64_t>::min()));
}

}  // namespace
}  // namespace postern
