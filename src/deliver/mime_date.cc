#include "deliver/mime_date.h"

#include <fmt/core.h>
#include <gmime/gmime.h>

#include "base/text.h"
#include "base/time_text.h"
#include "mail/header_fields.h"

namespace postern::deliver {
namespace {

// Octets of a field that are read: one line (RFC 5322 §2.1.1).
constexpr std::size_t longest = 1000;

/// Replaces comments by blanks (RFC 5322 §3.2.2); an unclosed comment extends to the end.
std::string without_comments(std::string_view field) {
  std::string text;
  for (std::size_t at = 0; at < field.size();) {
    const char c = field[at];
    const bool blank = c == '(' || c == '\t' || c == '\r' || c == '\n';
    text += blank ? ' ' : c;
    at = c == '(' ? mail::end_of_quoted(field, at) : at + 1;
  }
  return text;
}

/// Adapts the field to GMime, which would read "10.00.00", "10:00:00+0200" and "10 : 00 : 00" (RFC
/// 5322 §4.3) as midnight.
std::string repaired_date(std::string_view field) {
  std::string text;
  bool after_colon = false;
  for (char c : without_comments(field.substr(0, longest))) {
    const bool behind_digit = !text.empty() && is_digit(text.back());
    if (c == '.' && behind_digit) c = ':';
    if (c == ' ' && after_colon) continue;
    if (c == ':') {
      while (text.ends_with(' ')) text.pop_back();
    }
    after_colon = c == ':';
    if ((c == '+' || c == '-') && behind_digit && text.find(':') != std::string::npos) text += ' ';
    text += c;
  }
  return text;
}

struct TimeOfDay {
  int hour = 0;
  int minute = 0;
  int second = 0;
  bool leap = false;  ///< the leap second that follows `second`
};

/// The time as written in the field: GMime reads a time that it does not understand as midnight.
/// A second 60 (RFC 5322 §3.3), which GMime does not know, becomes 59 in `text`.
std::optional<TimeOfDay> time_of_day(std::string& text) {
  const std::size_t colon = text.find(':');
  const std::size_t begin = text.rfind(' ', colon) + 1;
  const std::size_t end = std::min(text.find(' ', begin), text.size());
  const std::string_view word = std::string_view(text).substr(begin, end - begin);
  const auto parts = split(word, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  int numbers[3] = {0, 0, 0};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = parse_number(parts[i]);
    if (!number || parts[i].size() > 2 || *number > (i == 2 ? 60 : 59)) return std::nullopt;
    numbers[i] = static_cast<int>(*number);
  }
  for (const std::string_view rest : split(std::string_view(text).substr(end), ' ')) {
    if (iequals(rest, "am") || iequals(rest, "pm")) return std::nullopt;  // not in mail dates
  }
  const bool leap = numbers[2] == 60;
  if (leap) text.replace(end - 2, 2, "59");
  return TimeOfDay{numbers[0], numbers[1], leap ? 59 : numbers[2], leap};
}

bool shows(GDateTime* instant, const TimeOfDay& time) {
  return g_date_time_get_hour(instant) == time.hour &&
         g_date_time_get_minute(instant) == time.minute &&
         g_date_time_get_second(instant) == time.second;
}

}  // namespace

std::optional<std::string> date_to_rfc3339(std::string_view field) {
  std::string text = repaired_date(field);
  const auto time = time_of_day(text);
  if (!time) return std::nullopt;
  GDateTime* local = g_mime_utils_header_decode_date(text.c_str());
  if (local != nullptr && !shows(local, *time)) {
    g_date_time_unref(local);
    local = nullptr;
  }
  if (local == nullptr) return std::nullopt;
  const auto instant = instant_at(g_date_time_to_unix(local) + (time->leap ? 1 : 0));
  g_date_time_unref(local);
  if (!instant) return std::nullopt;
  return to_rfc3339(*instant, 0);
}

}  // namespace postern::deliver
