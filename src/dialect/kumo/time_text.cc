#include "dialect/kumo/time_text.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::dialect::kumo {

namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 12> month_names = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> day_names = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};

tl::unexpected<Error> wrong(std::string_view text, std::string_view format) {
  return fail(Fault::malformed, fmt::format("`{}` is no time of {}", printable(text, 64), format));
}

/// Parses a text from the front.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : rest_(text) {}

  /// Exactly `count` digits.
  std::optional<int> digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    const auto value = parse_number(rest_.substr(0, count));
    if (value) rest_.remove_prefix(count);
    return value ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
  }
  bool take(std::string_view one_of) {
    if (rest_.empty() || one_of.find(rest_[0]) == std::string_view::npos) return false;
    taken_ = rest_[0];
    rest_.remove_prefix(1);
    return true;
  }
  char taken() const { return taken_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  char taken_ = 0;
};

/// Reads an offset: "-0100" or "Z".
std::optional<minutes> offset(TimeReader& reader) {
  if (reader.take("Zz")) return 0min;
  if (!reader.take("+-")) return std::nullopt;
  const int sign = reader.taken() == '-' ? -1 : 1;
  const auto hour = reader.digits(2);
  if (!hour) return std::nullopt;
  const auto minute = reader.digits(2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  return sign * (hours(*hour) + minutes(*minute));
}

/// Replaces comments, which may nest, by blanks (RFC 5322 §3.2.2).
std::string without_comments(std::string_view text) {
  std::string out;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (depth > 0 && text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && depth > 0) {
      if (--depth == 0) out += ' ';
    } else if (depth == 0) {
      out += text[i];
    }
  }
  return out;
}

std::optional<minutes> named_zone(std::string_view zone) {
  static constexpr struct {
    std::string_view name;
    int hours;
  } zones[] = {{"UT", 0},   {"GMT", 0},  {"UTC", 0},  {"EST", -5}, {"EDT", -4}, {"CST", -6},
               {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
  for (const auto& one : zones) {
    if (iequals(zone, one.name)) return hours(one.hours);
  }
  // RFC 5322 §4.3: other single letters have no reliable meaning.
  if (zone.size() == 1 && is_alpha(zone[0])) return 0min;
  return std::nullopt;
}

template <std::size_t N>
std::optional<unsigned> index_of(std::string_view word, const std::array<std::string_view, N>& in) {
  for (unsigned i = 0; i < N; ++i) {
    if (iequals(word, in[i])) return i;
  }
  return std::nullopt;
}

/// RFC 5322 §4.3: two digits below 50 mean 20xx, others 19xx.
std::optional<int> mail_year(std::string_view word) {
  const auto year = parse_number(word);
  if (!year || word.size() < 2 || word.size() > 4) return std::nullopt;
  if (word.size() == 4) return static_cast<int>(*year);
  return static_cast<int>(*year) + (word.size() == 2 && *year < 50 ? 2000 : 1900);
}

struct Parts {
  year_month_day date;
  hh_mm_ss<Span> time;
  explicit Parts(Instant at)
      : date(floor<std::chrono::days>(at)), time(at - floor<std::chrono::days>(at)) {}
};

std::tm broken_down(Instant time) {
  const std::time_t seconds = floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  parts.tm_zone = "UTC";
  return parts;
}

std::string fraction_text(Instant time, int digits) {
  const auto micro = Parts(time).time.subseconds().count();
  return fmt::format("{:06}000", micro).substr(0, static_cast<std::size_t>(digits));
}

/// The shortest exact fraction: none, three or six digits.
std::string short_fraction(Instant time) {
  const auto micro = Parts(time).time.subseconds().count();
  if (micro == 0) return "";
  return "." + fraction_text(time, micro % 1000 == 0 ? 3 : 6);
}

std::string by_strftime(const std::tm& parts, const std::string& format) {
  std::array<char, 256> out{};
  return {out.data(), std::strftime(out.data(), out.size(), format.c_str(), &parts)};
}

/// Formats the field after a `%`, taken from the front of `rest`; nullopt: unknown.
std::optional<std::string> field(Instant time, std::string_view& rest) {
  static constexpr std::string_view plain = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ%";
  const auto skip = [&rest](std::string_view text) {
    if (!rest.starts_with(text)) return false;
    rest.remove_prefix(text.size());
    return true;
  };
  for (const int digits : {3, 6, 9}) {
    if (skip(fmt::format("{}f", digits))) return fraction_text(time, digits);
    if (skip(fmt::format(".{}f", digits))) return "." + fraction_text(time, digits);
  }
  if (skip("f")) return fraction_text(time, 9);
  if (skip(".f")) return short_fraction(time);
  if (skip(":z")) return "+00:00";
  if (skip("+")) return rfc3339_text(time);
  // A year has four digits; strftime() pads it only where told to.
  if (skip("v")) return by_strftime(broken_down(time), "%e-%b-%04Y");
  if (skip("c")) return by_strftime(broken_down(time), "%a %b %e %H:%M:%S %04Y");
  if (skip("F")) return by_strftime(broken_down(time), "%04Y-%m-%d");
  if (skip("Y")) return by_strftime(broken_down(time), "%04Y");
  if (skip("G")) return by_strftime(broken_down(time), "%04G");
  if (skip("C")) return by_strftime(broken_down(time), "%02C");
  // strftime() would take the fields for local time.
  if (skip("s")) return std::to_string(floor<seconds>(time).time_since_epoch().count());
  std::string format = "%";
  if (rest.starts_with('-') || rest.starts_with('_') || rest.starts_with('0')) {
    format += rest[0];
    rest.remove_prefix(1);
  }
  if (rest.empty() || plain.find(rest[0]) == std::string_view::npos) return std::nullopt;
  format += rest[0];
  rest.remove_prefix(1);
  return by_strftime(broken_down(time), format);
}

}  // namespace

Result<Instant> parse_rfc3339(std::string_view text) {
  std::string strict(text);
  if (strict.size() > 10 && strict[10] == ' ') strict[10] = 'T';
  Result<Instant> time = postern::parse_rfc3339(strict);
  if (!time) return wrong(text, "RFC 3339");
  return time;
}

Result<Instant> parse_rfc2822(std::string_view text) {
  const auto refuse = [text] { return wrong(text, "RFC 5322"); };
  std::string plain = without_comments(text.substr(0, 256));
  for (char& c : plain) c = c == ',' || is_space(c) ? ' ' : c;
  std::vector<std::string_view> words;
  for (const std::string_view word : split(plain, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  std::optional<unsigned> day_name;
  if (!words.empty() && is_alpha(words[0][0])) {
    day_name = index_of(words[0], day_names);
    if (!day_name) return refuse();
    words.erase(words.begin());
  }
  if (words.size() != 5) return refuse();
  const auto day = words[0].size() <= 2 ? parse_number(words[0]) : std::nullopt;
  const auto month = index_of(words[1], month_names);
  const auto year = mail_year(words[2]);
  TimeReader clock(words[3]);
  const auto hour = clock.digits(2);
  const auto minute = clock.take(":") ? clock.digits(2) : std::nullopt;
  const auto second = clock.take(":") ? clock.digits(2) : std::optional<int>(0);
  TimeReader numeric(words[4]);
  auto zone = is_alpha(words[4][0]) ? named_zone(words[4]) : offset(numeric);
  const bool whole = clock.at_end() && (is_alpha(words[4][0]) || numeric.at_end());
  if (!day || !month || !year || !hour || !minute || !second || !zone || !whole) return refuse();
  const auto local =
      instant_of(*year, *month + 1, static_cast<unsigned>(*day), *hour, *minute, *second);
  if (!local) return refuse();
  // RFC 5322 §3.3: the day-name is that of the date as written; a leap second may end that day.
  const sys_days date(year_month_day(std::chrono::year(*year), std::chrono::month(*month + 1),
                                     std::chrono::day(static_cast<unsigned>(*day))));
  if (day_name && *day_name != weekday(date).c_encoding()) return refuse();
  const Instant time = *local - *zone;
  if (!in_range(time)) return refuse();
  return time;
}

Result<std::string> formatted(Instant time, std::string_view format) {
  if (format.size() > 1024) return fail(Fault::limit, "the format has more than 1024 octets");
  std::string out;
  std::string_view rest = format;
  while (!rest.empty()) {
    const std::size_t at = std::min(rest.find('%'), rest.size());
    out += rest.substr(0, at);
    rest.remove_prefix(at);
    if (rest.empty()) break;
    const std::string_view from = rest;
    rest.remove_prefix(1);
    const auto text = field(time, rest);
    if (!text) {
      return fail(Fault::malformed,
                  fmt::format("the format has a `{}` without a meaning", printable(from, 4)));
    }
    out += *text;
  }
  return out;
}

namespace {
std::string date_and_clock(Instant time, char between) {
  const Parts parts(time);
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}", int(parts.date.year()),
                     unsigned(parts.date.month()), unsigned(parts.date.day()), between,
                     parts.time.hours().count(), parts.time.minutes().count(),
                     parts.time.seconds().count(), short_fraction(time));
}
}  // namespace

std::string rfc3339_text(Instant time) { return date_and_clock(time, 'T') + "+00:00"; }
std::string utc_text(Instant time) { return date_and_clock(time, ' ') + " UTC"; }

std::string span_text(Span span) {
  std::string out = span < Span(0) ? "-" : "";
  Span rest = span < Span(0) ? -span : span;
  static constexpr struct {
    std::string_view name;
    Span one;
  } units[] = {{"d", 24h}, {"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}, {"us", 1us}};
  for (const auto& unit : units) {
    if (rest < unit.one) continue;
    if (out.size() > 1) out += ' ';
    out += fmt::format("{}{}", rest / unit.one, unit.name);
    rest %= unit.one;
  }
  return out.empty() ? "0s" : out;
}

}  // namespace postern::dialect::kumo
