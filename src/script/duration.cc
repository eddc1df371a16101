#include <cctype>
#include <charconv>

#include "script/memoize.h"

namespace postern::script {

namespace {

using std::chrono::milliseconds;

std::optional<double> seconds_of(std::string_view unit) {
  struct Unit {
    std::string_view word;
    double seconds;
  };
  static constexpr Unit units[] = {{"ms", 0.001},     {"msec", 0.001},    {"millisecond", 0.001},
                                   {"s", 1},          {"sec", 1},         {"second", 1},
                                   {"m", 60},         {"min", 60},        {"minute", 60},
                                   {"h", 3600},       {"hr", 3600},       {"hour", 3600},
                                   {"d", 86400},      {"day", 86400},     {"w", 604800},
                                   {"week", 604800},  {"month", 2630016}, {"y", 31557600},
                                   {"year", 31557600}};
  for (const Unit& one : units) {
    const bool plural = unit.size() == one.word.size() + 1 && unit.ends_with('s') &&
                        unit.starts_with(one.word) && one.word.size() > 1;
    if (unit == one.word || plural) return one.seconds;
  }
  return std::nullopt;
}

}  // namespace

milliseconds duration_of(const json::value& value) {
  const auto from_seconds = [](double seconds) {
    demand(seconds >= 0 && seconds < 1e9, "a duration must not be negative");
    return milliseconds(static_cast<std::int64_t>(seconds * 1000));
  };
  if (value.is_int64()) return from_seconds(static_cast<double>(value.get_int64()));
  if (value.is_double()) return from_seconds(value.get_double());
  demand(value.is_string(), "a duration is a number of seconds or a text such as '5 minutes'");
  const std::string_view whole = value.get_string();
  std::string_view text = whole;
  const auto skip_blanks = [&] {
    while (!text.empty() && (text[0] == ' ' || text[0] == ',')) text.remove_prefix(1);
  };
  double total = 0;
  bool any = false;
  for (skip_blanks(); !text.empty(); skip_blanks()) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string trouble = "'" + std::string(whole) + "' is no duration; write '5 minutes'";
    demand(error == std::errc(), trouble);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    skip_blanks();
    std::size_t size = 0;
    while (size < text.size() && std::isalpha(static_cast<unsigned char>(text[size])) != 0) ++size;
    const auto unit = size == 0 ? std::optional(1.0) : seconds_of(text.substr(0, size));
    demand(unit.has_value(), trouble);
    total += number * *unit;
    text.remove_prefix(size);
    any = true;
  }
  demand(any, "an empty text is no duration");
  return from_seconds(total);
}

}  // namespace postern::script
