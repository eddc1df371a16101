#include "base/amount.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace postern {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> time_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 3> size_units{{{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}}};
constexpr std::uint64_t longest_time = 3650ull * 86'400'000;
constexpr std::uint64_t largest = 1ull << 60;

/// The leading digits and the unit after them, blanks removed.
std::pair<std::string_view, std::string_view> number_and_unit(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  return {text.substr(0, digits), trim(text.substr(digits))};
}

template <std::size_t N>
std::string in_units(std::uint64_t value, const std::array<Unit, N>& units,
                     std::string_view blank) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) {
      return fmt::format("{}{}{}", value / unit.factor, blank, unit.name);
    }
  }
  return std::to_string(value);
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto [digits, name] = number_and_unit(text);
  const auto number = parse_number(digits);
  for (const Unit& unit : time_units) {
    if (!number || name != unit.name) continue;
    if (*number > longest_time / unit.factor) {
      return fail(Fault::limit, fmt::format("`{}` is longer than ten years", printable(text, 64)));
    }
    return std::chrono::milliseconds(*number * unit.factor);
  }
  if (number && name.empty()) {
    return fail(Fault::malformed, fmt::format("`{}` has no unit; write `{}s` for seconds",
                                              printable(text, 64), digits));
  }
  return fail(Fault::malformed, fmt::format("`{}` is not a duration; write for example `250ms`, "
                                            "`5s`, `3m`, `1h` or `7d`",
                                            printable(text, 64)));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto [digits, name] = number_and_unit(text);
  const auto number = parse_number(digits);
  const auto sized = [&](std::uint64_t factor) -> Result<std::uint64_t> {
    if (*number > largest / factor) {
      return fail(Fault::limit, fmt::format("`{}` is too large", printable(text, 64)));
    }
    return *number * factor;
  };
  if (number && name.empty()) return sized(1);
  for (const Unit& unit : size_units) {
    if (number && name == unit.name) return sized(unit.factor);
    // "25 MB" and "25M" are ambiguous: a factor of 1000 or 1024.
    if (number && !name.empty() && to_upper(name.front()) == unit.name.front()) {
      return fail(Fault::malformed, fmt::format("`{}` has an unknown unit; did you mean `{} {}`?",
                                                printable(text, 64), digits, unit.name));
    }
  }
  return fail(Fault::malformed, fmt::format("`{}` is not a size; write for example `64 KiB`, "
                                            "`25 MiB`, `1 GiB` or a number of octets",
                                            printable(text, 64)));
}

std::string duration_text(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0s";
  return in_units(static_cast<std::uint64_t>(duration.count()), time_units, "");
}

std::string size_text(std::uint64_t octets) { return in_units(octets, size_units, " "); }

}  // namespace postern
