#include "store/time_text.h"

#include <chrono>

#include <fmt/core.h>

#include "base/text.h"

namespace postern::store {
namespace {

using namespace std::chrono;

/// `n` digits at `at`; nullopt when something else stands there.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t n) {
  if (at + n > text.size()) return std::nullopt;
  const std::optional<std::uint64_t> number = parse_number(text.substr(at, n));
  if (!number) return std::nullopt;
  return static_cast<int>(*number);
}

/// The offset behind the seconds, "Z" or "+hh:mm".
std::optional<minutes> offset_of(std::string_view text) {
  if (text == "Z" || text == "z") return minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hour = digits(text, 1, 2);
  const auto minute = digits(text, 4, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  const minutes size = hours(*hour) + minutes(*minute);
  return text[0] == '+' ? size : -size;
}

}  // namespace

std::string to_rfc3339(Time time) {
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<milliseconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<Time> from_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || to_upper(text[10]) != 'T' ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto y = digits(text, 0, 4);
  const auto mo = digits(text, 5, 2);
  const auto d = digits(text, 8, 2);
  const auto h = digits(text, 11, 2);
  const auto mi = digits(text, 14, 2);
  const auto s = digits(text, 17, 2);
  if (!y || !mo || !d || !h || !mi || !s || *y < 1970 || *y > 2199 || *h > 23 || *mi > 59 ||
      *s > 60)
    return std::nullopt;
  const year_month_day date(year(*y), month(static_cast<unsigned>(*mo)),
                            day(static_cast<unsigned>(*d)));
  if (!date.ok()) return std::nullopt;
  std::string_view rest = text.substr(19);
  milliseconds fraction{0};
  if (rest.starts_with('.')) {
    std::size_t n = 1;
    for (int unit = 100; n < rest.size() && is_digit(rest[n]); ++n, unit /= 10) {
      fraction += milliseconds(unit * (rest[n] - '0'));
    }
    if (n == 1) return std::nullopt;
    rest.remove_prefix(n);
  }
  const auto offset = offset_of(rest);
  if (!offset) return std::nullopt;
  return Time(sys_days(date)) + hours(*h) + minutes(*mi) + seconds(*s) + fraction - *offset;
}

}  // namespace postern::store
