// Times as text, in UTC: RFC 3339, RFC 5322, HTTP.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern {

/// Wide enough for every year of four digits, which the clock's nanoseconds are not.
using Instant = std::chrono::sys_time<std::chrono::microseconds>;
using ClockTime = std::chrono::system_clock::time_point;
/// Of the years 1 to 9999, UTC without leap seconds: those that RFC 3339 can write.
inline constexpr Instant first_instant{-std::chrono::microseconds(62'135'596'800'000'000)};
inline constexpr Instant last_instant{std::chrono::microseconds(253'402'300'799'999'999)};

/// RFC 3339 §5.6 with `digits` digits of the second's fraction, 0 to 6, cut and not rounded:
/// "2026-01-02T03:04:05.678Z".
std::string to_rfc3339(Instant time, int digits = 3);
inline std::string to_rfc3339(ClockTime time, int digits = 3) {
  return to_rfc3339(std::chrono::floor<std::chrono::microseconds>(time), digits);
}

/// A Unix time; nullopt outside first_instant to last_instant.
std::optional<Instant> instant_at(std::int64_t seconds);

/// RFC 3339 §5.6 with any offset; fractions beyond microseconds are dropped, second 60 is the first
/// of the next minute. Fault::malformed for anything else, years before 1 included.
Result<Instant> parse_rfc3339(std::string_view text);
/// The same as a time of the clock, in milliseconds; nullopt outside the years 1970 to 2199, too.
std::optional<ClockTime> from_rfc3339(std::string_view text);

/// Fault::malformed where that date or time does not exist. Years 1 to 9999; second 60 is the first
/// of the next minute.
Result<Instant> instant_of(int year, unsigned month, unsigned day, int hour, int minute,
                           int second);

/// RFC 5322 §3.3: "Fri, 2 Jan 2026 03:04:05 +0000". English whatever the locale.
std::string rfc5322_date(Instant time);
inline std::string rfc5322_date(ClockTime time) {
  return rfc5322_date(std::chrono::floor<std::chrono::microseconds>(time));
}
/// RFC 9110 §5.6.7, IMF-fixdate: "Fri, 02 Jan 2026 03:04:05 GMT".
std::string http_date(ClockTime time);

}  // namespace postern
