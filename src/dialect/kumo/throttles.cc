#include "dialect/kumo/throttles.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/sha256.h"
#include "base/text.h"

namespace postern::dialect::kumo {

namespace {

/// A name that is longer is kept as its digest.
constexpr std::size_t longest_name = 256;

constexpr std::uint64_t most_operations = 1'000'000'000'000;

std::optional<std::chrono::seconds> unit_of(std::string_view name) {
  if (name == "s" || name == "sec" || name == "second" || name == "seconds") {
    return std::chrono::seconds(1);
  }
  if (name == "m" || name == "min" || name == "minute") return std::chrono::minutes(1);
  if (name == "h" || name == "hr" || name == "hour") return std::chrono::hours(1);
  if (name == "d" || name == "day") return std::chrono::hours(24);
  return std::nullopt;
}

/// A positive number, with `,` and `_` between its digits.
std::optional<std::uint64_t> throttle_count(std::string_view text) {
  std::string digits(text);
  std::erase_if(digits, [](char c) { return c == ',' || c == '_'; });
  const auto number = parse_number(digits);
  if (!number || *number == 0 || *number > most_operations) return std::nullopt;
  return number;
}

}  // namespace

Result<ThrottleSpec> parse_throttle(std::string_view text) {
  const auto wrong = [&] {
    return fail(Fault::malformed,
                fmt::format("`{}` is no rate such as '100/hour' or '60/min,max_burst=1'",
                            printable(text, 64)));
  };
  std::string_view rest = text;
  if (rest.starts_with("local:")) rest.remove_prefix(6);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return wrong();
  const auto limit = throttle_count(trim(rest.substr(0, slash)));
  rest.remove_prefix(slash + 1);
  const std::size_t comma = rest.find(',');
  std::string_view period = trim(rest.substr(0, comma));
  const std::size_t letters = std::min(
      static_cast<std::size_t>(std::ranges::find_if_not(period, is_digit) - period.begin()),
      period.size());
  const auto times =
      letters == 0 ? std::optional<std::uint64_t>(1) : throttle_count(period.substr(0, letters));
  const auto unit = unit_of(trim(period.substr(letters)));
  constexpr std::uint64_t longest = 366;
  if (!limit || !times || *times > 86'400 * longest || !unit) return wrong();
  ThrottleSpec spec{.limit = *limit, .period = *unit * *times, .burst = *limit};
  if (comma == std::string_view::npos) return spec;
  std::string_view option = trim(rest.substr(comma + 1));
  constexpr std::string_view name = "max_burst=";
  if (!option.starts_with(name)) return wrong();
  const auto burst = throttle_count(trim(option.substr(name.size())));
  if (!burst) return wrong();
  spec.burst = *burst;
  return spec;
}

Throttles::Taken Throttles::take(std::string_view name, const ThrottleSpec& spec,
                                 Clock::time_point now, bool count) {
  using Seconds = std::chrono::duration<double>;
  const Seconds each = Seconds(spec.period) / static_cast<double>(spec.limit);
  const Seconds whole = each * static_cast<double>(spec.burst);
  const auto in_ticks = [](Seconds span) {
    constexpr Seconds longest = std::chrono::hours(24 * 3660);
    return std::chrono::duration_cast<Clock::duration>(std::min(span, longest));
  };
  // As in KumoMTA, a counter belongs to a name and a rate.
  // A long name costs no more memory than a short one.
  const std::string digest = name.size() > longest_name ? postern::sha256(name) : std::string();
  std::string key = fmt::format("{}:{}:{}:{}", digest.empty() ? name : digest, spec.limit,
                                spec.burst, spec.period.count());
  const std::lock_guard lock(mutex_);
  const auto found = full_at_.find(key);
  const Clock::time_point full = found == full_at_.end() ? now : std::max(found->second, now);
  const Clock::time_point next = full + in_ticks(each);
  Taken taken{.limit = spec.burst};
  // A tick is forgiven: periods are not whole multiples of it.
  taken.throttled = next - now > in_ticks(whole) + std::chrono::microseconds(1);
  if (taken.throttled) {
    taken.retry_after = next - now - in_ticks(whole);
    taken.reset_after = full - now;
    return taken;
  }
  const Seconds left = whole - Seconds(next - now);
  taken.remaining = static_cast<std::uint64_t>(std::max(0.0, left / each + 1e-6));
  taken.reset_after = next - now;
  if (!count) return taken;
  if (found != full_at_.end()) {
    found->second = next;
  } else {
    if (full_at_.size() >= most_) make_room(now);
    full_at_.emplace(std::move(key), next);
  }
  return taken;
}

void Throttles::make_room(Clock::time_point now) {
  std::erase_if(full_at_, [now](const auto& one) { return one.second <= now; });
  if (full_at_.size() < most_ - most_ / 4) return;
  // A quarter, so that the next call with a new name does not search again.
  std::vector<Clock::time_point> times;
  times.reserve(full_at_.size());
  for (const auto& [name, full] : full_at_) times.push_back(full);
  const auto quarter = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::ranges::nth_element(times, quarter);
  const Clock::time_point until = *quarter;
  std::erase_if(full_at_, [until](const auto& one) { return one.second <= until; });
}

std::size_t Throttles::size() {
  const std::lock_guard lock(mutex_);
  return full_at_.size();
}

}  // namespace postern::dialect::kumo
