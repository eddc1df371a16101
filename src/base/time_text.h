// Times as text, in UTC: RFC 3339 §5.6, RFC 5322 §3.3, RFC 9110 §5.6.7.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern {

/// Covers every four-digit year; the nanoseconds of the system clock do not.
using Instant = std::chrono::sys_time<std::chrono::microseconds>;
/// A time of the system clock.
using ClockTime = std::chrono::system_clock::time_point;
/// The years 1 to 9999, UTC without leap seconds: what RFC 3339 §5.6 can express.
inline constexpr Instant first_instant{-std::chrono::microseconds(62'135'596'800'000'000)};
inline constexpr Instant last_instant{std::chrono::microseconds(253'402'300'799'999'999)};

/// RFC 3339 §5.6 with `digits` fractional digits, 0 to 6, truncated: "2026-01-02T03:04:05.678Z".
/// `time` is within first_instant to last_instant.
std::string to_rfc3339(Instant time, int digits = 3);
/// As above.
inline std::string to_rfc3339(ClockTime time, int digits = 3) {
  return to_rfc3339(std::chrono::floor<std::chrono::microseconds>(time), digits);
}

/// From Unix time in seconds; nullopt outside first_instant to last_instant.
std::optional<Instant> instant_at(std::int64_t seconds);

/// RFC 3339 §5.6 with any offset. Digits beyond microseconds are dropped; second 60 is the first
/// second of the next minute. Fault::malformed: anything else, or a time in UTC outside
/// first_instant to last_instant, which to_rfc3339() could not write.
Result<Instant> parse_rfc3339(std::string_view text);
/// As parse_rfc3339(), truncated to milliseconds; nullopt also outside the years 1970 to 2199 UTC.
std::optional<ClockTime> from_rfc3339(std::string_view text);

/// Whether `time` is within first_instant to last_instant. For the sum of a time and an offset.
constexpr bool in_range(Instant time) { return time >= first_instant && time <= last_instant; }

/// Second 60 is the first second of the next minute. Fault::malformed: the date or time does not
/// exist, or is outside first_instant to last_instant.
Result<Instant> instant_of(int year, unsigned month, unsigned day, int hour, int minute,
                           int second);

/// RFC 5322 §3.3: "Fri, 2 Jan 2026 03:04:05 +0000". English in every locale.
std::string rfc5322_date(Instant time);
/// As above.
inline std::string rfc5322_date(ClockTime time) {
  return rfc5322_date(std::chrono::floor<std::chrono::microseconds>(time));
}
/// IMF-fixdate (RFC 9110 §5.6.7): "Fri, 02 Jan 2026 03:04:05 GMT".
std::string http_date(ClockTime time);

}  // namespace postern
