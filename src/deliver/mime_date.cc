#include "deliver/mime_date.h"

#include <array>
#include <chrono>
#include <vector>

#include <fmt/core.h>

#include "base/text.h"

namespace postern::deliver {
namespace {

constexpr std::array<std::string_view, 12> months = {"jan", "feb", "mar", "apr", "may", "jun",
                                                     "jul", "aug", "sep", "oct", "nov", "dec"};
struct Zone {
  std::string_view name;
  int hours;
};
constexpr std::array<Zone, 12> zones = {{{"ut", 0},
                                         {"utc", 0},
                                         {"gmt", 0},
                                         {"z", 0},
                                         {"est", -5},
                                         {"edt", -4},
                                         {"cst", -6},
                                         {"cdt", -5},
                                         {"mst", -7},
                                         {"mdt", -6},
                                         {"pst", -8},
                                         {"pdt", -7}}};

/// Words without comments, split at blanks; a comma ends a word too.
std::vector<std::string> words_of(std::string_view field) {
  std::vector<std::string> words;
  std::string word;
  int depth = 0;
  for (const char c : field.substr(0, 256)) {
    if (c == '(') ++depth;
    if (depth > 0 || is_space(c) || c == ',') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += to_lower(c);
    }
    if (c == ')' && depth > 0) --depth;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<int> month_of(std::string_view word) {
  for (std::size_t i = 0; i < months.size(); ++i) {
    if (word.size() >= 3 && istarts_with(word, months[i])) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

std::optional<int> small_number(std::string_view text, std::size_t max_digits) {
  if (text.empty() || text.size() > max_digits) return std::nullopt;
  const std::optional<std::uint64_t> value = parse_number(text);
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

/// `hh:mm[:ss]`, also with dots between.
std::optional<std::chrono::seconds> time_of(std::string_view word) {
  const char separator = word.find(':') == std::string_view::npos ? '.' : ':';
  const std::vector<std::string_view> pieces = split(word, separator);
  if (pieces.size() < 2 || pieces.size() > 3) return std::nullopt;
  const std::optional<int> hour = small_number(pieces[0], 2);
  const std::optional<int> minute = small_number(pieces[1], 2);
  const std::optional<int> second = pieces.size() == 3 ? small_number(pieces[2], 2) : 0;
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

/// `+hhmm`, `-hhmm` or a name; zero for names that say nothing (RFC 5322 §4.3).
std::optional<std::chrono::minutes> zone_of(std::string_view word) {
  for (const Zone& zone : zones) {
    if (word == zone.name) return std::chrono::hours(zone.hours);
  }
  if (word.empty() || (word[0] != '+' && word[0] != '-')) return std::chrono::minutes(0);
  std::string digits(word.substr(1));
  if (digits.size() == 5 && digits[2] == ':') digits.erase(2, 1);
  const std::optional<int> value = small_number(digits, 4);
  if (!value) return std::chrono::minutes(0);
  if (*value / 100 > 23) return std::nullopt;
  const std::chrono::minutes offset =
      std::chrono::hours(*value / 100) + std::chrono::minutes(*value % 100);
  return word[0] == '-' ? -offset : offset;
}

}  // namespace

std::optional<std::string> date_to_rfc3339(std::string_view field) {
  std::vector<std::string> words = words_of(field);
  // The day of the week, checked no further: a wrong one is no reason to lose the date.
  if (!words.empty() && is_alpha(words[0][0]) && !month_of(words[0])) words.erase(words.begin());
  // RFC 850: 06-Nov-94.
  if (!words.empty() && words[0].find('-') != std::string::npos) {
    const std::string joint = words[0];
    const std::vector<std::string_view> pieces = split(joint, '-');
    if (pieces.size() != 3) return std::nullopt;
    words.erase(words.begin());
    words.insert(words.begin(),
                 {std::string(pieces[0]), std::string(pieces[1]), std::string(pieces[2])});
  }
  if (words.size() < 4) return std::nullopt;
  if (!month_of(words[1])) std::swap(words[0], words[1]);  // "Nov 6 1994"
  // asctime puts the time before the year: "Nov 6 08:49:37 1994".
  if (words[2].find(':') != std::string::npos) std::swap(words[2], words[3]);
  const std::optional<int> month = month_of(words[1]);
  const std::optional<int> day = small_number(words[0], 2);
  std::optional<int> year = small_number(words[2], 4);
  // "10:00:00+0100" without a blank.
  std::string zone = words.size() > 4 ? words[4] : std::string();
  if (const std::size_t sign = words[3].find_first_of("+-"); sign != std::string::npos) {
    zone = words[3].substr(sign);
    words[3].resize(sign);
  }
  const std::optional<std::chrono::seconds> time = time_of(words[3]);
  const std::optional<std::chrono::minutes> offset = zone_of(zone);
  if (!month || !day || !year || !time || !offset) return std::nullopt;
  // RFC 5322 §4.3: two digits up to 49 are 20xx, other years of two or three digits add 1900. POSIX
  // puts the turn at 69, as most readers do.
  if (words[2].size() < 3) *year += *year < 69 ? 2000 : 1900;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1000) return std::nullopt;
  const auto instant = std::chrono::sys_days(date) + *time - *offset;
  const auto midnight = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day utc{midnight};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(instant - midnight).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int(utc.year()), unsigned(utc.month()),
                     unsigned(utc.day()), seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace postern::deliver
