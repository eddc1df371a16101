#include "base/time_text.h"

#include <array>

#include <fmt/core.h>

#include "base/text.h"

namespace postern {
namespace {

using namespace std::chrono;

/// The `n` digits at `at`; nullopt if other characters are there.
std::optional<int> digits_at(std::string_view text, std::size_t at, std::size_t n) {
  if (at + n > text.size()) return std::nullopt;
  const std::optional<std::uint64_t> number = parse_number(text.substr(at, n));
  if (!number) return std::nullopt;
  return static_cast<int>(*number);
}

/// The UTC offset after the seconds: "Z" or "+hh:mm".
std::optional<minutes> offset_of(std::string_view text) {
  if (text == "Z" || text == "z") return minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hour = digits_at(text, 1, 2);
  const auto minute = digits_at(text, 4, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  const minutes size = hours(*hour) + minutes(*minute);
  return text[0] == '+' ? size : -size;
}

struct Parts {
  explicit Parts(Instant time)
      : day(floor<days>(time)), date(day), clock(floor<seconds>(time) - day) {}
  sys_days day;
  year_month_day date;
  hh_mm_ss<seconds> clock;

  std::string_view weekday_name() const {
    static constexpr std::array<std::string_view, 7> names{"Sun", "Mon", "Tue", "Wed",
                                                           "Thu", "Fri", "Sat"};
    return names[weekday(day).c_encoding()];
  }
  std::string_view month_name() const {
    static constexpr std::array<std::string_view, 12> names{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return names[static_cast<unsigned>(date.month()) - 1];
  }
  int year_number() const { return static_cast<int>(date.year()); }
  unsigned month_number() const { return static_cast<unsigned>(date.month()); }
  unsigned day_number() const { return static_cast<unsigned>(date.day()); }
  std::string clock_text() const {
    return fmt::format("{:02}:{:02}:{:02}", clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
  }
};

}  // namespace

std::string to_rfc3339(Instant time, int digits) {
  const Parts parts(time);
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.year_number(), parts.month_number(),
                  parts.day_number(), parts.clock.hours().count(), parts.clock.minutes().count(),
                  parts.clock.seconds().count());
  if (digits > 0) {
    const auto below = (time - floor<seconds>(time)).count();
    out += '.';
    out +=
        std::string_view(fmt::format("{:06}", below)).substr(0, static_cast<std::size_t>(digits));
  }
  out += 'Z';
  return out;
}

Result<Instant> instant_of(int year, unsigned month, unsigned day, int hour, int minute,
                           int second) {
  const year_month_day date{std::chrono::year(year), std::chrono::month(month),
                            std::chrono::day(day)};
  const bool clock =
      hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  if (!date.ok() || !clock || year < 1 || year > 9999) {
    return fail(Fault::malformed, "there is no such date or time");
  }
  const Instant time = Instant(sys_days(date)) + hours(hour) + minutes(minute) + seconds(second);
  if (!in_range(time)) return fail(Fault::malformed, "the time is after the year 9999");
  return time;
}

std::optional<Instant> instant_at(std::int64_t seconds) {
  const std::chrono::seconds given(seconds);
  constexpr auto whole = [](Instant time) {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  };
  // Compared in seconds: the product in microseconds may overflow.
  if (given < whole(first_instant) || given > whole(last_instant)) return std::nullopt;
  return Instant(given);
}

Result<Instant> parse_rfc3339(std::string_view text) {
  const auto refuse = [text] {
    return fail(Fault::malformed,
                fmt::format("`{}` is not a time in RFC 3339", printable(text, 64)));
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || to_upper(text[10]) != 'T' ||
      text[13] != ':' || text[16] != ':') {
    return refuse();
  }
  std::array<int, 6> part{};
  static constexpr std::array<std::size_t, 6> places{0, 5, 8, 11, 14, 17};
  for (std::size_t i = 0; i < part.size(); ++i) {
    const auto number = digits_at(text, places[i], i == 0 ? 4 : 2);
    if (!number) return refuse();
    part[i] = *number;
  }
  std::string_view rest = text.substr(19);
  microseconds fraction{0};
  if (rest.starts_with('.')) {
    std::size_t n = 1;
    for (int unit = 100'000; n < rest.size() && is_digit(rest[n]); ++n, unit /= 10) {
      fraction += microseconds(unit * (rest[n] - '0'));
    }
    if (n == 1) return refuse();
    rest.remove_prefix(n);
  }
  const auto offset = offset_of(rest);
  const auto local = instant_of(part[0], static_cast<unsigned>(part[1]),
                                static_cast<unsigned>(part[2]), part[3], part[4], part[5]);
  if (!offset || !local) return refuse();
  const Instant time = *local + fraction - *offset;
  if (!in_range(time)) return refuse();
  return time;
}

std::optional<ClockTime> from_rfc3339(std::string_view text) {
  const Result<Instant> time = parse_rfc3339(text);
  // Compared in UTC, as it is written: the offset may shift the time into a neighbouring year.
  constexpr Instant end{sys_days(year(2200) / 1 / 1)};
  if (!time || *time < Instant() || *time >= end) return std::nullopt;
  return ClockTime(floor<milliseconds>(*time));
}

std::string rfc5322_date(Instant time) {
  const Parts parts(time);
  return fmt::format("{}, {} {} {:04} {} +0000", parts.weekday_name(), parts.day_number(),
                     parts.month_name(), parts.year_number(), parts.clock_text());
}

std::string http_date(ClockTime time) {
  const Parts parts(floor<microseconds>(time));
  return fmt::format("{}, {:02} {} {:04} {} GMT", parts.weekday_name(), parts.day_number(),
                     parts.month_name(), parts.year_number(), parts.clock_text());
}

}  // namespace postern
