#include "dialect/kumo/time_text.h"

#include <gtest/gtest.h>

namespace postern::dialect::kumo {
namespace {

std::string shown(const Result<Instant>& time) { return time ? rfc3339_text(*time) : "none"; }

TEST(TimeText, reads_rfc3339) {
  const std::pair<const char*, const char*> cases[] = {
      {"2000-01-02T03:04:05+00:00", "2000-01-02T03:04:05+00:00"},
      {"2000-01-02t03:04:05z", "2000-01-02T03:04:05+00:00"},
      {"2000-01-02 03:04:05-01:30", "2000-01-02T04:34:05+00:00"},
      {"2000-01-01T00:00:00+01:00", "1999-12-31T23:00:00+00:00"},
      {"2000-01-02T03:04:05.5Z", "2000-01-02T03:04:05.500+00:00"},
      {"2000-01-02T03:04:05.1234567Z", "2000-01-02T03:04:05.123456+00:00"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"},
      {"2023-02-29T00:00:00Z", "none"},
      {"2000-13-01T00:00:00Z", "none"},
      {"2000-01-02T24:00:00Z", "none"},
      {"2000-01-02T03:04:05", "none"},
      {"2000-01-02T03:04:05+0100", "none"},
      {"2000-01-02T03:04:05.Z", "none"},
      {"2000-01-02T03:04:05Z ", "none"},
      {"0000-01-02T03:04:05Z", "none"},
      {"0001-01-01T00:00:00+01:00", "none"},
      {"9999-12-31T23:59:59-01:00", "none"},
      {"2000-1-2T03:04:05Z", "none"},
      {"", "none"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(shown(parse_rfc3339(text)), wanted) << text;
}

TEST(TimeText, reads_rfc5322) {
  const std::pair<const char*, const char*> cases[] = {
      {"Sun, 2 Jan 2000 04:04:05 +0100", "2000-01-02T03:04:05+00:00"},
      {"2 jan 2000 03:04 GMT", "2000-01-02T03:04:00+00:00"},
      {"Sun,02 Jan 2000  03:04:05 -0000 (a (nested\\)) comment)", "2000-01-02T03:04:05+00:00"},
      {"Sun, 02 Jan\r\n 00 03:04:05 EST", "2000-01-02T08:04:05+00:00"},
      {"3 Feb 94 00:00:00 Z", "1994-02-03T00:00:00+00:00"},
      {"3 Feb 102 00:00:00 A", "2002-02-03T00:00:00+00:00"},
      {"Mon, 2 Jan 2000 03:04:05 +0000", "none"},  // it was a Sunday
      {"Xyz, 2 Jan 2000 03:04:05 +0000", "none"},
      {"2 Foo 2000 03:04:05 +0000", "none"},
      {"2 Jan 2000 3:04:05 +0000", "none"},
      {"2 Jan 2000 03:04:05", "none"},
      {"2 Jan 2000 03:04:05 +2400", "none"},
      {"2 Jan 2000 03:04:05 NOWHERE", "none"},
      {"2 Jan 2000 03:04:05 +0000 x", "none"},
      {"30 Feb 2000 03:04:05 +0000", "none"},
      {"Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00+00:00"},
      {"Sun, 31 Dec 2016 23:59:60 +0000", "none"},
      {"1 Jan 0001 00:00:00 +0100", "none"},
      {"31 Dec 9999 23:59:59 -0100", "none"},
      {"31 Dec 9999 23:59:60 +0000", "none"},
      {"(", "none"},
      {"", "none"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(shown(parse_rfc2822(text)), wanted) << text;
}

TEST(TimeText, what_it_writes_it_reads) {
  for (const Instant time : {first_instant, Instant{}, Instant{Span(1)}, last_instant,
                             Instant{Span(-62'000'000'000'000'123)}}) {
    EXPECT_EQ(parse_rfc3339(rfc3339_text(time)).value(), time);
    EXPECT_EQ(parse_rfc2822(rfc5322_date(time)).value(),
              std::chrono::floor<std::chrono::seconds>(time));
  }
  EXPECT_EQ(rfc5322_date(parse_rfc3339("2000-01-02T03:04:05Z").value()),
            "Sun, 2 Jan 2000 03:04:05 +0000");
  EXPECT_EQ(utc_text(Instant{Span(1'000'000)}), "1970-01-01 00:00:01 UTC");
  EXPECT_EQ(utc_text(Instant{Span(-500'000)}), "1969-12-31 23:59:59.500 UTC");
}

TEST(TimeText, formats) {
  const Instant time = parse_rfc3339("2000-01-02T03:04:05.678901Z").value();
  const std::pair<const char*, const char*> cases[] = {
      {"%Y-%m-%d %H:%M:%S", "2000-01-02 03:04:05"},
      {"%a %A %b %B %e %-d %j", "Sun Sunday Jan January  2 2 002"},
      {"%s %z %:z %Z %%", "946782245 +0000 +00:00 UTC %"},
      {"%f %3f %6f %.f %.3f %.9f", "678901000 678 678901 .678901 .678 .678901000"},
      {"%F %T %D %R %y %C", "2000-01-02 03:04:05 01/02/00 03:04 00 20"},
      {"%I %p %_H %u %w %G %V", "03 AM  3 7 0 1999 52"},
      {"%+|%v|%n%t", "2000-01-02T03:04:05.678901+00:00| 2-Jan-2000|\n\t"},
      {"plain", "plain"},
      {"", ""},
  };
  for (const auto& [format, wanted] : cases) {
    EXPECT_EQ(formatted(time, format).value_or("none"), wanted) << format;
  }
  EXPECT_EQ(formatted(first_instant, "%Y %F %v %G %C %c").value_or("none"),
            "0001 0001-01-01  1-Jan-0001 0001 00 Mon Jan  1 00:00:00 0001");
  for (const char* format : {"%", "%-", "%Q", "%E", "%.x", "%:x", "%4f", "x%\n"}) {
    EXPECT_FALSE(formatted(time, format)) << format;
  }
  EXPECT_FALSE(formatted(time, std::string(1025, 'x')));
}

TEST(TimeText, spans) {
  using namespace std::chrono_literals;
  EXPECT_EQ(span_text(5min), "5m");
  EXPECT_EQ(span_text(25h + 90s + 250ms + 7us), "1d 1h 1m 30s 250ms 7us");
  EXPECT_EQ(span_text(-90s), "-1m 30s");
  EXPECT_EQ(span_text(0s), "0s");
}

}  // namespace
}  // namespace postern::dialect::kumo
