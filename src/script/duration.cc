#include "script/duration.h"

#include <stdexcept>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::script {

namespace {

using std::chrono::nanoseconds;

/// One of the unit; 0: unknown name. "m" is a minute, "M" a month of 30.44 days.
nanoseconds unit_named(std::string_view name) {
  using namespace std::chrono;
  static constexpr struct {
    std::string_view names;
    nanoseconds one;
  } units[] = {
      {" ns nsec nanosecond nanoseconds ", 1ns},
      {" us usec microsecond microseconds ", 1us},
      {" ms msec millisecond milliseconds ", 1ms},
      {" s sec secs second seconds ", 1s},
      {" m min mins minute minutes ", 1min},
      {" h hr hrs hour hours ", 1h},
      {" d day days ", 24h},
      {" w wk wks week weeks ", 24h * 7},
      {" M month months ", 2'630'016s},
      {" y yr yrs year years ", 31'557'600s},
  };
  for (const auto& unit : units) {
    if (unit.names.find(fmt::format(" {} ", name)) != std::string_view::npos) return unit.one;
  }
  return {};
}

}  // namespace

Result<std::chrono::microseconds> parse_span(std::string_view text) {
  constexpr nanoseconds longest = std::chrono::hours(24 * 3653);
  const auto refuse = [&](std::string_view why) {
    return fail(Fault::malformed,
                fmt::format("`{}` is no duration like '5 minutes': {}", printable(text, 64), why));
  };
  nanoseconds sum{};
  std::string_view rest = trim(text);
  if (rest.empty()) return refuse("it is empty");
  while (!rest.empty()) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const auto number = parse_number(rest.substr(0, digits));
    if (!number) return refuse("a whole number is expected");
    rest = trim(rest.substr(digits));
    std::size_t letters = 0;
    while (letters < rest.size() && is_alpha(rest[letters])) ++letters;
    if (letters == 0) return refuse("the number has no unit");
    const nanoseconds one = unit_named(rest.substr(0, letters));
    if (one == nanoseconds{}) return refuse("the unit is not known");
    if (*number > static_cast<std::uint64_t>((longest - sum) / one)) {
      return refuse("it is longer than ten years");
    }
    sum += one * static_cast<std::int64_t>(*number);
    rest = trim(rest.substr(letters));
  }
  return std::chrono::duration_cast<std::chrono::microseconds>(sum);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  return parse_span(text).map([](std::chrono::microseconds span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span);
  });
}

std::chrono::milliseconds duration_of(const boost::json::value& value) {
  if (value.is_string()) {
    const auto parsed = parse_duration(value.get_string());
    if (!parsed) throw std::runtime_error(parsed.error().message);
    return *parsed;
  }
  const double seconds = value.is_int64()    ? static_cast<double>(value.get_int64())
                         : value.is_double() ? value.get_double()
                                             : -1;
  if (!(seconds >= 0 && seconds < 315'619'200)) {
    throw std::runtime_error("a duration is a number of seconds or a text like '5 minutes'");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

}  // namespace postern::script
