// Times and durations as text: RFC 3339 §5.6, RFC 5322 §3.3, strftime.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time_text.h"

namespace postern::dialect::kumo {

/// A duration.
using Span = std::chrono::microseconds;

/// Parses RFC 3339 §5.6; a blank may replace the T. Fault::malformed.
Result<Instant> parse_rfc3339(std::string_view text);
/// Parses RFC 5322 §3.3, with the zones and years of §4.3; comments count as blanks.
/// Fault::malformed.
Result<Instant> parse_rfc2822(std::string_view text);

/// Formats as strftime(3) does in English, with the extensions of Rust's chrono: fractions of a
/// second as `%f` (nanoseconds, nine digits), `%3f` `%6f` `%9f`, with a leading dot as `%.f` and
/// `%.3f`; `%:z`; `%+` (RFC 3339 §5.6); `%v`. Fault::malformed for an unknown letter.
Result<std::string> formatted(Instant time, std::string_view format);
std::string rfc3339_text(Instant time);  ///< "2000-01-02T03:04:05+00:00"
std::string utc_text(Instant time);      ///< "2000-01-02 03:04:05 UTC"
/// "1d 2h 3m 4s 5ms 6us", without the parts that are 0.
std::string span_text(Span span);

}  // namespace postern::dialect::kumo
